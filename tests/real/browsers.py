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


def asks_for_permission(play, visitor, method):
    """Preflights come before what they are for, and brink's answers permit it."""
    origin = play.visitors.site.url
    permitted, fetched = [], set()
    for exchange in list(play.visitors.recorders[visitor].exchanges):
        # Metrics are posted below this path, and need permission, too.
        if not exchange.path.startswith("/api/frontend"):
            continue
        if exchange.method == "OPTIONS":
            assert_permits(exchange, origin)
            permitted.append((exchange.sent["access-control-request-method"], exchange.path))
            continue
        assert (exchange.method, exchange.path) in permitted, f"{exchange.method} {exchange.path} without a preflight"
        assert exchange.sent["origin"] == origin, exchange.sent["origin"]
        if exchange.path.partition("?")[0] == "/api/frontend":
            same(method, exchange.method)
            fetched.add(exchange.path)
    # A GET has its context in the path, a POST in the body.
    same(2 if method == "GET" else 1, len(fetched))
    return f"{len(permitted)} preflights"


def assert_permits(preflight, origin):
    sent, received = preflight.sent, preflight.received
    asked = listed(sent, "access-control-request-headers")
    assert sent["origin"] == origin, sent
    assert "authorization" in asked and any(name.startswith("unleash-") for name in asked), sent
    assert 200 <= preflight.status < 300, preflight.status
    assert received.get("access-control-allow-origin") in ("*", origin), received
    methods = listed(received, "access-control-allow-methods")
    assert methods & {"*", sent["access-control-request-method"].lower()}, received
    allowed = listed(received, "access-control-allow-headers")
    # An asterisk stands for all names but this one, says the Fetch standard;
    # Chromium merely warns.
    assert "authorization" in allowed and ("*" in allowed or asked <= allowed), received


def listed(headers, name):
    return {part.strip().lower() for part in headers.get(name, "").split(",")}


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
