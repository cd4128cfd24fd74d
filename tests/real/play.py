"""The play: its actors, and what is known of them.

The checks of run.py are acts on this one stage. Each act gets the `Play` and
may leave actors on it for later acts; `end` stops whoever is still there.
"""

import re
from pathlib import Path

import normal
from stage import Server, fetch_json

# As far ahead as the proxy under test; then segments are not inlined.
CLIENT_SPEC = {"Unleash-Client-Spec": "6.1.0"}
BACKEND_TOKENS = ["BACKEND", "BACKEND_PROJ_A", "BACKEND_PRODUCTION"]
# A server looks for changes once a second, brink and SDKs ask once a second (an
# older proxy every five): far more than that, since the machine may be busy.
CHANGE_SECONDS = 20
FLAGS = Path(__file__).with_name("flags.mjs")


class Play:
    """The actors, and what is known of them."""

    def __init__(self, program):
        self.program = program
        self.server = Server()
        self.server.stop()  # left by a run that could not clean up
        self.tokens = committed_tokens()
        self.brink = None
        self.watcher = None
        self.visitors = None
        # The brink that is restarted while SDKs report to it, and those.
        self.reporter = None
        self.users = []
        # Edges below edges.
        self.chains = []
        # Edges that send streams, and the SDKs that follow them.
        self.streams = None
        # A browser, and the brink whose pages it shows while there is load on it.
        self.browser = None
        self.shown = None
        self.page = None
        self.load = None

    def features(self, url, token):
        return fetch_json(f"{url}/api/client/features", token=token, headers=CLIENT_SPEC)

    def comparable_flags(self, token):
        """All flags that the token may see but those that draw at random."""
        features = self.features(self.server.url, token)["features"]
        return sorted(f["name"] for f in features if not f["name"].startswith("random-"))

    def end(self):
        brinks = (*self.chains, self.reporter, self.shown, self.brink)
        for actor in (self.watcher, self.visitors, *self.users, self.streams, self.browser, self.load, *brinks, self.server):
            if actor:
                actor.stop()


def committed_tokens():
    """The tokens of flags.mjs, by the names that real-upstream gives them."""
    lines = FLAGS.read_text().partition("export const tokens = {")[2]
    pairs = (line.strip(" ,").split(": ", 1) for line in lines.partition("};")[0].strip().splitlines())
    return {re.sub("[A-Z]", r"_\g<0>", name).upper(): text.strip("'") for name, text in pairs}


def same(expected, actual):
    found = list(normal.differences(expected, actual))
    assert not found, f"{len(found)} differences, the first: " + "; ".join(found[:5])
