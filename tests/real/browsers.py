"""Acts with the browser SDKs: in Node, and on pages of another origin in Chromium.

The visitors that these acts start stay for the flip at the end. Metrics that
they post are let through and not looked at.
"""

from play import CHANGE_SECONDS, same
from stage import fetch_json, until
from visitors import Visitors

FLIPPED = "flip-frontend"
ASKED = ["rollout-user-50", "variant-of-strategy", "variant-payloads", "impression", FLIPPED, "no-such-flag"]
NO_VARIANT = {"name": "disabled", "enabled": False}
REACT = "React in Chromium"
# A browser takes its time to start on a busy machine.
START_SECONDS = 60


def visitor_name(place, method):
    return f"SDK in {place}, {method}"


def node_starts(play, method):
    play.visitors = play.visitors or Visitors(play.brink.url, play.tokens["FRONTEND"])
    visitor = visitor_name("Node", method)
    play.visitors.start_node(visitor, method, ASKED)
    follows_its_context(play, visitor)


def chromium_starts(play):
    play.visitors = play.visitors or Visitors(play.brink.url, play.tokens["FRONTEND"])
    pages = [(visitor_name("Chromium", method), "plain", method, ASKED) for method in ("GET", "POST")]
    play.visitors.start_browser([*pages, (REACT, "react", "GET", [FLIPPED, "variant-of-strategy"])])
    for visitor, *_ in pages:
        play.visitors.wait(visitor, START_SECONDS, "its first report", lambda report: report["event"] == "foreign")


def chromium_minds_origins(play, visitor):
    """The control: what brink does not open to other origins stays shut."""
    fetched = [e for e in play.visitors.recorders[visitor].fetches() if e.path == "/internal-backstage/health"]
    assert [e.status for e in fetched] == [200], "the page did not ask, or brink did not answer"
    reports = play.visitors.reports[visitor]
    assert [r["seen"] for r in reports if r["event"] == "foreign"] == [None], "the page saw what is not for it"


def follows_its_context(play, visitor):
    """Flags and variants are brink's own for the first context, and for the second."""
    visitors = play.visitors
    ready = visitors.wait(visitor, START_SECONDS, "ready", lambda report: report["event"] == "ready")
    assert ready["context"]["userId"] == "alice", ready["context"]
    has_brinks_answers(play, ready)

    def moved_on(report):
        return report["event"] == "update" and report["context"]["userId"] == "bob"

    moved = visitors.wait(visitor, CHANGE_SECONDS, "the second context", moved_on)
    has_brinks_answers(play, moved)
    assert moved["toggles"] != ready["toggles"], "both contexts are answered alike: nothing is compared"
    same(["impression getVariant", "impression isEnabled"], moved["impressions"])


def has_brinks_answers(play, report):
    expected = brinks_answers(play, report["context"])
    assert len(expected) > 20, f"only {len(expected)} flags are on"
    same(expected, {toggle["name"]: toggle for toggle in report["toggles"]})
    for flag in ASKED:
        enabled = flag in expected
        variant = expected[flag]["variant"] if enabled else NO_VARIANT
        same([enabled, {**variant, "feature_enabled": enabled}], report["answers"][flag])


def brinks_answers(play, context):
    url, token = f"{play.brink.url}/api/frontend", play.tokens["FRONTEND"]
    toggles = fetch_json(url, method="POST", body={"context": context}, token=token)["toggles"]
    return {toggle["name"]: toggle for toggle in toggles}


def fetches_again_with_a_tag(play, visitor, method):
    """What has not changed is asked for with the tag of the last answer, and is 304."""
    recorder = play.visitors.recorders[visitor]

    def unchanged():
        tags = {}
        for fetch in recorder.fetches():
            if fetch.status == 304 and fetch.sent.get("if-none-match") in tags.get(fetch.target, ()):
                return fetch
            if fetch.status == 200 and "etag" in fetch.received:
                tags.setdefault(fetch.target, []).append(fetch.received["etag"])

    fetch = until(CHANGE_SECONDS, "a fetch that is answered 304", unchanged)
    same(method, fetch.method)
    first = recorder.fetches()[0]
    assert "if-none-match" not in first.sent or first.status != 304, "the first fetch is 304 already"


def asks_for_permission(play, visitor, method):
    """Preflights come before what they are for, and brink's answers permit it."""
    exchanges = list(play.visitors.recorders[visitor].exchanges)
    permitted, preflights = set(), 0
    for exchange in exchanges:
        if exchange.method == "OPTIONS":
            assert_permits(exchange, play.visitors.site.url)
            permitted.add((exchange.sent["access-control-request-method"], exchange.path))
            preflights += exchange.path.startswith("/api/frontend?") or exchange.path == "/api/frontend"
        elif exchange.path.startswith("/api/frontend"):
            assert (exchange.method, exchange.path) in permitted, f"{exchange.method} {exchange.path} without a preflight"
            assert exchange.sent["origin"] == play.visitors.site.url, exchange.sent
    fetched = {e.path for e in exchanges if e.method == method and e.path.partition("?")[0] == "/api/frontend"}
    # One context more than there are; POSTs have the context in the body.
    assert len(fetched) == (2 if method == "GET" else 1), fetched
    assert preflights >= len(fetched), f"{preflights} preflights for {len(fetched)} paths"
    return f"{preflights} preflights"


def assert_permits(preflight, origin):
    asked = set(preflight.sent["access-control-request-headers"].lower().split(","))
    assert preflight.sent["origin"] == origin, preflight
    assert "authorization" in asked and any(name.startswith("unleash-") for name in asked), preflight
    assert 200 <= preflight.status < 300, preflight
    received = preflight.received
    assert received["access-control-allow-origin"] in ("*", origin), preflight
    methods = received["access-control-allow-methods"].replace(" ", "").split(",")
    assert {"*", preflight.sent["access-control-request-method"]}.intersection(methods), preflight
    allowed = set(received["access-control-allow-headers"].lower().replace(" ", "").split(","))
    # An asterisk stands for all names but this one.
    assert "authorization" in allowed and ("*" in allowed or asked <= allowed), preflight


def react_shows_flags(play):
    own = brinks_answers(play, {"userId": "alice", "sessionId": "s-1", "appName": "without-chance"})
    expected = f"off {own['variant-of-strategy']['variant']['name']}"
    play.visitors.wait(REACT, START_SECONDS, expected, lambda report: report.get("text") == expected)


def shows(state):
    return lambda report: report["event"] == "shown" and report["text"].split()[0] == state


def all_see_a_flip(play):
    visitors = play.visitors
    assert len(visitors.recorders) == 5, f"only these are here: {sorted(visitors.recorders)}"

    def sees(state):
        wanted = state == "on"
        return lambda report: report["event"] == "update" and report["answers"][FLIPPED][0] == wanted

    for state in ("on", "off"):
        play.server.flip(FLIPPED, state)
        for visitor in visitors.recorders:
            matches = shows(state) if visitor == REACT else sees(state)
            visitors.wait(visitor, CHANGE_SECONDS, f"{FLIPPED} is {state}", matches)
    for visitor in visitors.recorders:
        assert visitors.loads(visitor) == 1, f"{visitor}: the page was loaded again"
    play.visitors.stop()
    play.visitors = None
