"""Acts on chains: an edge below an edge below the server.

Either may be brink or another edge with its command line, the peer. What is expected
is what the server says and counts. A peer need not say all that the server says; then
what it says directly below the server is what it must say below brink.
"""

import time
import urllib.parse

import normal
from backend import CONTEXTS
from play import CHANGE_SECONDS, same
from stage import Brink, fetch_json, request, sdk_answers, status_of, until
from usage import arrives, report

# Known to the server alone: no edge of a chain is started with them.
STRANGERS = ("BACKEND_PROJ_A", "FRONTEND_PROJ_A")
NOBODY = "projA:development.known-to-nobody"
# Usage of the same application, reported at both levels, in several rounds of each.
REPORTS = 12
PAUSE_SECONDS = 0.3


class Chain:
    """The two edges; `name` tells their logs and their usage from those of other chains."""

    def __init__(self, play, name, upper, lower):
        self.play, self.name = play, name
        self.programs = {"upper": upper, "lower": lower, "beside": lower}
        # The last one is there if the lower one is a peer: the same, directly below the server.
        self.upper = self.lower = self.beside = None
        play.chains.append(self)

    def edge(self, role, upstream):
        # Upstream may be slow on a busy machine. Giving up on a report that is then
        # counted after all, and sending it again, is what the protocol asks for.
        options = ("--app-name", role, "--instance-id", f"{role}-1", "--upstream-socket-timeout", "30")
        tokens = [self.play.tokens["BACKEND"]]
        edge = Brink(self.programs[role], upstream, tokens, options, name=f"{self.name}-{role}")
        edge.until_ready()
        return edge

    def stop(self):
        for edge in (self.lower, self.beside, self.upper):
            if edge:
                edge.stop()

    def is_brink(self, role):
        return self.programs[role] == self.play.program

    def expected(self):
        """Who says what the lower edge must say."""
        return (self.beside or self.play.server).url


def checks(play, name, title, upper, lower):
    chain = Chain(play, name, upper, lower)
    yield f"{title}: becomes ready", lambda _: becomes_ready(chain)
    yield f"{title}: features mean the same through both", lambda _: features_mean_the_same(chain)
    yield f"{title}: an SDK agrees below both", lambda _: sdk_agrees(chain)
    yield f"{title}: tokens that only the server knows", lambda _: strangers_are_validated(chain)
    yield f"{title}: a flip arrives", lambda _: flip_arrives(chain)
    yield f"{title}: usage of both is counted once", lambda _: usage_is_counted_once(chain)
    yield f"{title}: applications tell their way", lambda _: applications_tell_their_way(chain)
    yield f"{title}: both hand on what they have and end", lambda _: both_hand_on_and_end(chain)


def becomes_ready(chain):
    chain.upper = chain.edge("upper", chain.play.server.url)
    chain.lower = chain.edge("lower", chain.upper.url)
    if not chain.is_brink("lower"):
        chain.beside = chain.edge("beside", chain.play.server.url)


def features_mean_the_same(chain):
    play, token = chain.play, chain.play.tokens["BACKEND"]
    pairs = [(chain.expected(), chain.lower.url)]
    if chain.is_brink("upper"):
        pairs.append((play.server.url, chain.upper.url))
    for expected, actual in pairs:
        told = play.features(expected, token)
        assert len(told["features"]) > 100, "hardly anything is compared"
        same(normal.of_features(told), normal.of_features(play.features(actual, token)))
        url = f"{actual}/api/client/features"
        tag = request(url, token=token)[1]["ETag"]
        status, _, body = request(url, token=token, headers={"If-None-Match": tag})
        assert (status, body) == (304, b""), f"{status} {body[:100]!r}"
    return f"{len(told['features'])} features"


def sdk_agrees(chain):
    play, token = chain.play, chain.play.tokens["BACKEND"]
    flags = [*play.comparable_flags(token), "no-such-flag"]
    answers = (sdk_answers("node", url, token, flags, CONTEXTS) for url in (chain.expected(), chain.lower.url))
    same(*answers)


def strangers_are_validated(chain):
    """Asked about, and then used, below two edges that have never heard of them."""
    play, url = chain.play, chain.lower.url
    backend, frontend = (play.tokens[name] for name in STRANGERS)
    question = {"tokens": [backend, frontend, NOBODY]}
    listed = fetch_json(f"{url}/edge/validate", method="POST", body=question)["tokens"]
    expected = {backend: ("backend", "development", ["projA"]), frontend: ("frontend", "development", ["projA"])}
    # Another edge may call backend tokens by their old name, and list those that are refused.
    confirmed = [one for one in listed if one.get("status", "Validated") == "Validated"]
    kinds = {"client": "backend"}
    same(
        {token: list(rest) for token, rest in expected.items()},
        {one["token"]: [kinds.get(one["type"], one["type"]), one["environment"], one["projects"]] for one in confirmed},
    )
    until(20, "features for the backend token", lambda: status_of(f"{url}/api/client/features", token=backend) == 200)
    same(*(normal.of_features(play.features(at, backend)) for at in (chain.expected(), url)))
    until(20, "flags for the frontend token", lambda: status_of(f"{url}/api/frontend", token=frontend) == 200)
    refused = status_of(f"{url}/api/client/features", token=NOBODY)
    assert refused in (401, 403), f"{refused} for a token that nobody knows"


def flip_arrives(chain):
    play, token = chain.play, chain.play.tokens["BACKEND"]

    def is_on():
        features = play.features(chain.lower.url, token)["features"]
        return next(one["enabled"] for one in features if one["name"] == "flip-me")

    times = []
    for to in ("on", "off"):
        play.server.flip("flip-me", to)
        started = time.monotonic()
        until(2 * CHANGE_SECONDS, f"flip-me is {to} below both", lambda: is_on() == (to == "on"))
        times.append(f"{to} after {time.monotonic() - started:.1f} s")
    return ", ".join(times)


def usage_is_counted_once(chain):
    play, app = chain.play, f"{chain.name}-usage"
    for number in range(REPORTS):
        report(play, chain.lower, app, yes=number + 1, no=1)
        report(play, chain.upper, app, yes=100, no=0)
        time.sleep(PAUSE_SECONDS)
    yes = REPORTS * (REPORTS + 1) // 2 + 100 * REPORTS
    arrives(play, app, ["kill-switch"], counts(yes, REPORTS), seconds=60)
    return f"{yes} and {REPORTS}"


def counts(yes, no):
    return {("kill-switch", "yes"): yes, ("kill-switch", "no"): no}


def applications_tell_their_way(chain):
    """One registered at the lower edge is on its way with both edges named, nearest first."""
    app = f"{chain.name}-application"
    registration = {
        "appName": app,
        "instanceId": "one",
        "interval": 1000,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "strategies": ["default"],
    }
    if not (chain.is_brink("upper") and chain.is_brink("lower")):
        # Without it some write null, for which the server refuses the whole post.
        registration["sdkVersion"] = "unleash-node-sdk:6.12.1"
    token = chain.play.tokens["BACKEND"]

    def way():
        # Once a second the upper edge hands on what it has: it may be looked at in
        # between. Some hand on applications only with usage.
        report(chain.play, chain.lower, app, yes=1, no=0)
        status, _, body = request(f"{chain.lower.url}/api/client/register", "POST", registration, token)
        assert status == 202, f"{status} {body[:200]!r}"
        waiting = fetch_json(f"{chain.upper.url}/internal-backstage/metricsbatch")["applications"]
        ways = [one["connectVia"] for one in waiting if one["appName"] == app]
        return ways[0] if ways else None

    hops = until(60, "the application waits in the upper edge", way)
    same(["lower", "upper"], [hop["appName"] for hop in hops])
    admin = {"token": chain.play.tokens["ADMIN"]}
    known = f"{chain.play.server.url}/api/admin/metrics/applications/{urllib.parse.quote(app)}"
    until(60, "the server knows the application", lambda: status_of(known, **admin) == 200)
    instances = fetch_json(known, **admin)["instances"]
    same(["one"], [instance["instanceId"] for instance in instances])


def both_hand_on_and_end(chain):
    """What came last, the lower edge's own document included, is not lost with either."""
    play, app = chain.play, f"{chain.name}-last"
    report(play, chain.lower, app, yes=7, no=3)
    code = chain.lower.ask_to_stop()
    assert code == 0, f"the lower edge: exit code {code} after SIGTERM"

    def told():
        """What the upper edge would tell the server, which does not take it."""
        below = fetch_json(f"{chain.upper.url}/internal-backstage/instancedata")["connected_instances"]
        return [one for one in below if one["appName"] == "lower"]

    document = until(10, "the lower edge's document is in the upper one", told)[-1]
    assert document["connectedEdges"] == [] and document["identifier"], str(document)[:300]
    code = chain.upper.ask_to_stop()
    assert code == 0, f"the upper edge: exit code {code} after SIGTERM"
    arrives(play, app, ["kill-switch"], counts(7, 3))
    yes = REPORTS * (REPORTS + 1) // 2 + 100 * REPORTS
    arrives(play, f"{chain.name}-usage", ["kill-switch"], counts(yes, REPORTS), seconds=5)
    return f"its version is {document.get('edgeVersion')}"
