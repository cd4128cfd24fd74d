"""Acts on a server that is not there yet, hangs, is gone, and comes back."""

import time

from play import BACKEND_TOKENS, same
from stage import Brink, sdk_answers, status_of, until


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


def keeps_serving(play, seconds):
    """Serves the same for several refresh intervals, and lets a new SDK in."""
    token = play.tokens["BACKEND"]
    before = play.features(play.brink.url, token)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        same(before, play.features(play.brink.url, token))
        assert play.brink.backstage("ready") == 200, "not ready any more"
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
