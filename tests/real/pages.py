"""Acts on the pages for people, in headless Chromium.

One brink is shown as an operator would have it: below a base path, with a password
on the backstage, and under load. A picture of its status page is kept in .work/real.
"""

import urllib.parse

from chromium import Chromium
from stage import WORK, Brink, Load, fetch_json, status_of, until

BASE_PATH = "/feature/flags"
DOOR_KEY = "door-key-of-the-backstage"
TOKENS = ["BACKEND", "BACKEND_PRODUCTION"]
PICTURE = WORK / "real/status.png"
# A browser takes its time on a busy machine.
SECONDS = 60
# Characters of a secret. Four are shown, and types of tokens are words of these secrets.
TOO_MUCH = 10

# What stands on the status page.
READ = """(() => {
    const text = (id) => document.getElementById(id).textContent;
    const rows = (id) => [...document.querySelectorAll(`#${id} tr`)].slice(1)
        .map((row) => [...row.cells].map((cell) => cell.textContent));
    const shards = [...document.querySelectorAll('#shards .card')].map((card) => ({
        text: card.textContent,
        rates: card.querySelector('polyline.rate').getAttribute('points'),
    }));
    const tables = ['environments', 'refreshes', 'upstream', 'queues', 'tokens'];
    return {
        shards, name: text('name'), trouble: text('trouble'),
        ...Object.fromEntries(tables.map((table) => [table, rows(table)])),
    };
})()"""
LOADED = "document.readyState === 'complete' && location.href !== 'about:blank'"


def status_page_shows_what_is(play):
    play.browser = Chromium("pages")
    page = play.browser.open(f"{play.brink.url}/internal-backstage")
    told = shows(page, "environments", lambda told: len(told["environments"]) == 2)
    assert told["name"] == "unleash-edge is ready", told["name"]
    assert not told["trouble"], told["trouble"]
    features = len(play.features(play.brink.url, play.tokens["BACKEND"])["features"])
    development = next(row for row in told["environments"] if row[0] == "development")
    assert development[1] == str(features), f"{development} for {features} features"
    assert all(revision.isdigit() and kept == "polling" for *_, revision, kept in told["environments"]), told["environments"]
    assert_no_secrets(play, page)


def status_page_is_behind_a_password(play):
    options = ("--workers", "2", "--backstage-token", DOOR_KEY)
    tokens = [play.tokens[name] for name in TOKENS]
    play.shown = Brink(play.program, play.server.url, tokens, options, name="shown", base_path=BASE_PATH)
    play.shown.until_ready()
    for path in ("internal-backstage", "internal-backstage/", "internal-backstage/status"):
        status = status_of(f"{play.shown.url}/{path}")
        assert status == 401, f"{path} without the password: {status}"
    for path in ("internal-backstage", "internal-backstage/"):
        page = play.browser.open(with_password(f"{play.shown.url}/{path}"))
        told = shows(page, "a name", lambda told: told["name"])
        assert told["name"] == "unleash-edge is ready", told["name"]
    page.close()


def status_page_moves_with_the_load(play):
    play.load = Load(f"{play.shown.url}/api/client/features", play.tokens["BACKEND"])
    page = play.page = play.browser.open(with_password(f"{play.shown.url}/internal-backstage"))
    first = shows(page, "plots of two shards", lambda told: plots(told, 3))
    told = shows(page, "plots that go on", lambda told: plots(told, 6) and told["shards"] != first["shards"])
    assert not told["trouble"], told["trouble"]
    assert sorted(row[0] for row in told["environments"]) == ["development", "production"], told["environments"]
    assert [row[0].partition("****")[1] for row in told["refreshes"]] == ["****", "****"], told["refreshes"]
    calls = {(operation, status) for operation, status, *_ in told["upstream"]}
    assert ("features", "200") in calls and ("validate", "200") in calls, told["upstream"]
    assert_no_secrets(play, page)
    page.screenshot(PICTURE)
    assert PICTURE.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and PICTURE.stat().st_size > 20_000, "no picture"
    return f"picture in {PICTURE.relative_to(WORK.parent)}"


def plots(told, length):
    """Each of two shards has rates that are not all the same, and above zero."""
    heights = [[point.split(",")[1] for point in shard["rates"].split()] for shard in told["shards"]]
    return len(heights) == 2 and all(len(one) >= length and len(set(one)) > 1 for one in heights)


def openapi_page_shows_all_operations(play):
    document = fetch_json(f"{play.shown.url}/docs/openapi.json")
    operations = {f"{verb}{BASE_PATH}{path}" for path, verbs in document["paths"].items() for verb in verbs}
    assert len(operations) == 16, sorted(operations)
    # With a password in the address, too, as one that follows a link has it.
    for url in (play.shown.url, with_password(play.shown.url)):
        page = play.browser.open(f"{url}/docs/openapi")
        heads = "[...document.querySelectorAll('main summary:has(.verb)')]"
        read = f"{heads}.map((head) => head.querySelector('.verb').textContent + head.querySelector('code').textContent)"
        until(SECONDS, "operations on the page", lambda: page.run(f"{LOADED} && {heads}.length > 0"))
        shown = page.run(read)
        assert sorted(shown) == sorted(operations), shown
        page.close()


def status_page_says_that_brink_is_gone(play):
    play.load.stop()
    code = play.shown.ask_to_stop()
    assert code == 0, f"exit code {code} after SIGTERM"
    told = shows(play.page, "the trouble", lambda told: told["trouble"])
    assert told["trouble"].startswith("No news:"), told["trouble"]
    assert len(told["shards"]) == 2, "the last news are not on the page any more"
    play.browser.stop()
    play.browser = None


def shows(page, what, condition):
    """What is on the status page as soon as it meets the condition."""

    def read():
        told = page.run(f"{LOADED} && {READ}")
        return told if told and condition(told) else None

    try:
        return until(SECONDS, what, read)
    except AssertionError as trouble:
        raise AssertionError(f"{trouble}; the page: {page.run('document.body.innerText')!r}") from None


def with_password(url):
    """As somebody gives it whom the browser would ask."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"anybody:{DOOR_KEY}@{parts.netloc}").geturl()


def assert_no_secrets(play, page):
    markup = page.run("document.documentElement.outerHTML")
    assert "****" in markup, "no token is shown at all"
    assert DOOR_KEY not in markup, "the password of the backstage is on the page"
    for token in play.tokens.values():
        secret = token.partition(".")[2]
        windows = {secret[start : start + TOO_MUCH] for start in range(len(secret) - TOO_MUCH + 1)}
        found = sorted(window for window in windows if window in markup)
        assert not found, f"of a token, the page shows {found[:2]}"
