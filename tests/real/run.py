"""Holds brink against the real Unleash server and real SDKs.

Called by scripts/test-real, which has installed everything: `run.py BRINK`. The
checks run in order on one stage, as acts of one play: brink before the server,
the server up, changed, frozen, gone, and back. A failed check does not end the
play. Checks of parts that brink does not have yet (NOT_YET) are named and not
run. The last line is `N passed, N failed`; the exit code is 1 if any failed.
"""

import json
import signal
import sys
import time

import normal
from stage import SDKS, Brink, Server, ROOT, Watcher, fetch_json, request, sdk_answers, status_of, until

# As far ahead as the proxy under test; then segments are not inlined.
CLIENT_SPEC = {"Unleash-Client-Spec": "6.1.0"}
BACKEND_TOKENS = ["BACKEND", "BACKEND_PROJ_A", "BACKEND_PRODUCTION"]
CONTEXTS = json.loads((ROOT / "tests/sdk/contexts.json").read_text())
# A server looks for changes once a second, brink and SDKs ask once a second (an
# older proxy every five): far more than that, since the machine may be busy.
CHANGE_SECONDS = 20

FRONTEND = "frontend API"
USAGE = "usage metrics"
# What brink does not have yet. Take a part out as soon as it is there.
NOT_YET = {FRONTEND, USAGE}


class Play:
    """The actors, and what is known of them."""

    def __init__(self, program):
        self.program = program
        self.server = Server()
        self.server.stop()  # left by a run that could not clean up
        self.tokens = committed_tokens()
        self.brink = None
        self.watcher = None

    def features(self, url, token):
        return fetch_json(f"{url}/api/client/features", token=token, headers=CLIENT_SPEC)

    def comparable_flags(self, token):
        """All flags that the token may see but those that draw at random."""
        features = self.features(self.server.url, token)["features"]
        return sorted(f["name"] for f in features if not f["name"].startswith("random-"))

    def end(self):
        for actor in (self.watcher, self.brink, self.server):
            if actor:
                actor.stop()


def committed_tokens():
    """The tokens of flags.mjs, by the names that real-upstream gives them."""
    lines = (ROOT / "tests/real/flags.mjs").read_text().partition("export const tokens = {")[2]
    pairs = (line.strip(" ,").split(": ", 1) for line in lines.partition("};")[0].strip().splitlines())
    spelled = {"backendProjA": "BACKEND_PROJ_A", "frontendProjA": "FRONTEND_PROJ_A", "backendProduction": "BACKEND_PRODUCTION"}
    return {spelled.get(name, name.upper()): text.strip("'") for name, text in pairs}


def same(expected, actual):
    found = list(normal.differences(expected, actual))
    assert not found, f"{len(found)} differences, the first: " + "; ".join(found[:5])


# --- acts ----------------------------------------------------------------


def brink_starts_before_the_server(play):
    tokens = [play.tokens[name] for name in BACKEND_TOKENS]
    play.brink = Brink(play.program, play.server.url, tokens)
    until(15, "health is 200", lambda: play.brink.backstage("health") == 200)
    assert play.brink.backstage("ready") == 503, "ready without data"
    status = status_of(f"{play.brink.url}/api/client/features", token=tokens[0])
    assert status == 503, f"features without data: {status}; 401 or 403 would stop some SDKs for good"


def brink_becomes_ready_by_itself(play):
    play.server.start()
    until(60, "ready is 200", lambda: play.brink.backstage("ready") == 200)
    for name in BACKEND_TOKENS:
        url, token = f"{play.brink.url}/api/client/features", play.tokens[name]
        until(60, f"features for {name}", lambda: status_of(url, token=token) == 200)


def features_mean_the_same(play, name):
    token = play.tokens[name]
    expected = play.features(play.server.url, token)
    actual = play.features(play.brink.url, token)
    assert expected["features"], "the server has no flags: nothing is compared"
    same(normal.of_features(expected), normal.of_features(actual))
    projects, environment = token.split(".")[0].split(":")
    query = {"projects": [projects], "environment": environment, "inlineSegmentConstraints": False}
    same(query, {key: actual["query"].get(key) for key in query})


def single_feature_means_the_same(play):
    token = play.tokens["BACKEND"]
    for flag in play.comparable_flags(token):
        path = f"/api/client/features/{flag}"
        answers = [fetch_json(play.server.url + path, token=token)]
        answers.append(next(f for f in play.features(play.brink.url, token)["features"] if f["name"] == flag))
        answers.append(fetch_json(play.brink.url + path, token=token))
        same(answers[1], answers[2])
        same(answers[0]["name"], answers[2]["name"])


def unchanged_features_are_304(play):
    url, token = f"{play.brink.url}/api/client/features", play.tokens["BACKEND"]
    _, headers, _ = request(url, token=token)
    status, _, body = request(url, token=token, headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b""), f"{status} {body[:100]!r}"


def sdk_agrees(play, sdk, name):
    token = play.tokens[name]
    flags = [*play.comparable_flags(token), "no-such-flag"]
    expected = sdk_answers(sdk, play.server.url, token, flags, CONTEXTS)
    actual = sdk_answers(sdk, play.brink.url, token, flags, CONTEXTS)
    assert any(on for flag in flags for on, _ in expected[flag]), "all flags are off: nothing is compared"
    same(expected, actual)


def frontend_agrees_with_the_rust_sdk(play):
    """Brink's own evaluation against that of an SDK with the reference engine."""
    flags = play.comparable_flags(play.tokens["BACKEND"])
    expected = sdk_answers("rust", play.server.url, play.tokens["BACKEND"], flags, CONTEXTS)
    url, token = f"{play.brink.url}/api/frontend/all", play.tokens["FRONTEND"]
    for index, context in enumerate(CONTEXTS):
        toggles = fetch_json(url, method="POST", body={"context": context}, token=token)["toggles"]
        answers = {toggle["name"]: [toggle["enabled"], variant_of(toggle)] for toggle in toggles}
        same({flag: expected[flag][index] for flag in flags}, {flag: answers.get(flag) for flag in flags})


def variant_of(toggle):
    return {key: toggle["variant"].get(key) for key in ("name", "enabled", "payload")}


def wrong_token_is_refused(play):
    url = f"{play.brink.url}/api/client/features"
    for token in (None, "*:development.wrong", play.tokens["FRONTEND"]):
        status = status_of(url, token=token)
        assert status in (401, 403), f"{status} for a wrong token"


def usage_arrives_at_the_server(play):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    bucket = {"start": now, "stop": now, "toggles": {"kill-switch": {"yes": 41, "no": 3, "variants": {}}}}
    usage = {"appName": "usage-through-brink", "instanceId": "one", "bucket": bucket}
    url = f"{play.brink.url}/api/client/metrics"
    status, _, body = request(url, method="POST", body=usage, token=play.tokens["BACKEND"])
    assert status == 202, f"{status} {body[:200]!r}"
    url = f"{play.server.url}/api/admin/client-metrics/features/kill-switch/raw"

    def arrived():
        # One row per hour, most of them zero.
        rows = fetch_json(url, token=play.tokens["ADMIN"])["data"]
        mine = [row for row in rows if row["appName"] == "usage-through-brink"]
        return (sum(row["yes"] for row in mine), sum(row["no"] for row in mine)) == (41, 3)

    until(30, "the server counts 41 yes and 3 no", arrived)


def sdk_sees_a_flip(play):
    play.watcher = Watcher(play.brink.url, play.tokens["BACKEND"], "flip-me")
    play.watcher.expect("off", 15)
    play.server.flip("flip-me", "on")
    play.watcher.expect("on", CHANGE_SECONDS)
    play.server.flip("flip-me", "off")
    play.watcher.expect("off", CHANGE_SECONDS)


def keeps_serving(play, seconds):
    """Serves the same for several refresh intervals, and lets a new SDK in."""
    token = play.tokens["BACKEND"]
    before = play.features(play.brink.url, token)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        same(before, play.features(play.brink.url, token))
        assert play.brink.backstage("ready") == 200, "not ready any more"
        if FRONTEND not in NOT_YET:
            assert status_of(f"{play.brink.url}/api/frontend", token=play.tokens["FRONTEND"]) == 200, "frontend"
    answers = sdk_answers("node", play.brink.url, token, ["kill-switch"], [{}])
    assert answers["kill-switch"][0][0] is True, "a new SDK sees a wrong flag"


def keeps_serving_while_the_server_hangs(play):
    play.server.freeze()
    try:
        keeps_serving(play, 6)
    finally:
        play.server.thaw()


def keeps_serving_while_the_server_is_gone(play):
    play.server.stop()
    keeps_serving(play, 6)


def follows_the_server_when_it_is_back(play):
    play.server.start()
    play.server.flip("flip-me", "on")
    # By now brink may have backed off, so this takes longer than a change does.
    play.watcher.expect("on", 60)


def ends_well(play):
    code = play.brink.ask_to_stop()
    assert code == 0, f"exit code {code} after SIGTERM"


def checks():
    """Title, check, and the part of brink without which it cannot hold, if there is one."""
    yield "brink starts before the server", brink_starts_before_the_server
    yield "brink becomes ready by itself", brink_becomes_ready_by_itself
    for name in BACKEND_TOKENS:
        yield f"features mean the same, {name}", lambda play, name=name: features_mean_the_same(play, name)
    yield "a single feature means the same", single_feature_means_the_same
    yield "unchanged features are 304", unchanged_features_are_304
    for sdk in SDKS:
        for name in BACKEND_TOKENS:
            yield f"{sdk} SDK agrees, {name}", lambda play, sdk=sdk, name=name: sdk_agrees(play, sdk, name)
    yield "the frontend API agrees with the Rust SDK", frontend_agrees_with_the_rust_sdk, FRONTEND
    yield "a wrong token is refused", wrong_token_is_refused
    yield "usage arrives at the server", usage_arrives_at_the_server, USAGE
    yield "an SDK sees a flip", sdk_sees_a_flip
    yield "brink keeps serving while the server hangs", keeps_serving_while_the_server_hangs
    yield "brink keeps serving while the server is gone", keeps_serving_while_the_server_is_gone
    yield "brink follows the server when it is back", follows_the_server_when_it_is_back
    yield "brink ends well", ends_well


def main(program):
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    passed = failed = 0
    play = Play(program)
    try:
        for title, check, *parts in checks():
            if missing := NOT_YET.intersection(parts):
                print(f"not yet {title} (brink has no {', '.join(missing)})", flush=True)
                continue
            started = time.monotonic()
            try:
                check(play)
            except Exception as trouble:
                failed += 1
                print(f"FAILED  {title}: {type(trouble).__name__}: {trouble}", flush=True)
            else:
                passed += 1
                print(f"ok      {title} ({time.monotonic() - started:.1f} s)", flush=True)
    finally:
        play.end()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
