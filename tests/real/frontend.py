"""Acts on the frontend API: what brink evaluates, against two other engines.

The reference engine comes with the Rust SDK; the other one is the server's own.
Neither replaces the other: the first is what a drop-in must agree with to the
last oddity, the second is independent of it.
"""

import contexts
from agreement import Tally, by_name, reaches
from backend import CONTEXTS
from play import same
from stage import Connection, fetch_json, sdk_answers, until

# Contexts by token: one project has few flags.
GENERATED = {"FRONTEND": 480, "FRONTEND_PROJ_A": 120}
SEED = 20260101


def agrees_with_the_rust_sdk(play):
    flags = play.comparable_flags(play.tokens["BACKEND"])
    expected = sdk_answers("rust", play.server.url, play.tokens["BACKEND"], flags, CONTEXTS)
    url, token = f"{play.brink.url}/api/frontend/all", play.tokens["FRONTEND"]
    for index, context in enumerate(CONTEXTS):
        toggles = fetch_json(url, method="POST", body={"context": context}, token=token)["toggles"]
        answers = {toggle["name"]: [toggle["enabled"], _variant(toggle)] for toggle in toggles}
        same({flag: expected[flag][index] for flag in flags}, {flag: answers.get(flag) for flag in flags})


def _variant(toggle):
    return {key: toggle["variant"].get(key) for key in ("name", "enabled", "payload")}


def agrees_with_the_server(play, name):
    """GET and POST of generated contexts, with one frontend token, at both."""
    backend = play.tokens[name.replace("FRONTEND", "BACKEND")]
    known = reaches(play.features(play.server.url, backend))
    known = {flag: reach for flag, reach in known.items() if not flag.startswith("random-")}
    generated = contexts.generate(GENERATED[name], SEED)
    tally = Tally()
    token = play.tokens[name]
    with Connection(play.server.url, token) as server, Connection(play.brink.url, token) as brink:
        until(30, "the server's frontend API answers", lambda: server.fetch("GET", "/api/frontend")["toggles"])
        for index, context in enumerate(generated):
            odd = index % 2 == 1
            get = "/api/frontend?" + contexts.as_query(context, flat=odd)
            tally.compare(known, context, by_name(server.fetch("GET", get)), by_name(brink.fetch("GET", get)))
            post = contexts.as_body(context, numbers=odd)
            answers = (by_name(actor.fetch("POST", "/api/frontend", post)) for actor in (server, brink))
            tally.compare(known, context, *answers)
    found = tally.differences
    assert not found, f"{len(found)} differences, the first: " + "; ".join(found[:5])
    assert_much_was_compared(tally, len(generated), len(known))
    return f"{len(generated)} contexts, {tally}"


def assert_much_was_compared(tally, count, flags):
    """Answers that are all alike, or hardly compared, prove nothing."""
    possible = 2 * count * flags
    assert tally.compared > possible * 0.7, f"{tally} of {possible}"
    assert 20 < tally.share(tally.enabled) < 80, str(tally)
    assert tally.share(tally.with_variant) >= 5, str(tally)
    assert len(tally.seen_on & tally.seen_off) > flags / 2, str(tally)


def routes_agree(play):
    """The list, the list of all, and single flags say the same, in GET and POST."""
    singles = 0
    with Connection(play.brink.url, play.tokens["FRONTEND"]) as brink:
        for context in contexts.generate(12, SEED + 1):
            query, body = contexts.as_query(context, flat=False), contexts.as_body(context, numbers=False)
            for base in ("/api/frontend", "/api/proxy"):
                every = brink.fetch("GET", f"{base}/all?{query}")["toggles"]
                same(steady(every), steady(brink.fetch("POST", f"{base}/all", body)["toggles"]))
                on = [toggle for toggle in every if toggle["enabled"]]
                same(steady(on), steady(brink.fetch("GET", f"{base}?{query}")["toggles"]))
                same(steady(on), steady(brink.fetch("POST", base, body)["toggles"]))
            for toggle in steady(every)[::7]:
                path = f"/api/frontend/features/{toggle['name']}"
                same(toggle, brink.fetch("GET", f"{path}?{query}"))
                same(toggle, brink.fetch("POST", path, body))
                singles += 1
    assert singles > 100, f"only {singles} single flags"
    return f"{singles} single flags"


def steady(toggles):
    """Those whose answer does not change from one request to the next."""
    return [toggle for toggle in toggles if not toggle["name"].startswith("random-")]
