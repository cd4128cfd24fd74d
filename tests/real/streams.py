"""Acts on streams and deltas: SDKs that are told of changes instead of asking for the list.

The server has neither, as open source, so the upper edge polls lists and finds the
changes itself. The lower one has a stream from it, and sends streams of its own.
Nobody may ask either for a list of features while nothing is wrong.
"""

import select
import time

from play import CHANGE_SECONDS
from scrape import parsed
from stage import Brink, Watcher, request, until

FLAG = "flip-me"
# Clients by the edge that they follow.
FOLLOWERS = {
    "Node": ("upper", "node", "streaming"),
    "Python": ("upper", "python", "streaming"),
    "Node by deltas": ("upper", "node", "delta"),
    "Node below": ("lower", "node", "streaming"),
    "Python below": ("lower", "python", "streaming"),
}
# The lower edge is one at the upper one.
STREAMS = {"upper": 3, "lower": 2}
# SDKs try again after 2 to 30 s.
RECONNECT_SECONDS = 60


class Streams:
    """Two edges, and who follows them."""

    def __init__(self, play):
        self.play = play
        self.token = play.tokens["BACKEND"]
        self.upper = self.lower = None
        self.followers = {}

    def edge(self, role, upstream, *options):
        edge = Brink(self.play.program, upstream, [self.token], options, name=f"streams-{role}")
        edge.until_ready()
        return edge

    def follow(self):
        for name, (role, sdk, mode) in FOLLOWERS.items():
            self.followers[name] = Watcher(getattr(self, role).url, self.token, FLAG, sdk, mode)

    def flip(self, to):
        self.play.server.flip(FLAG, to)
        return self.all_see(to, CHANGE_SECONDS)

    def all_see(self, word, seconds):
        """When each has seen it, in words."""
        started, missing, times = time.monotonic(), dict(self.followers), []
        while missing:
            left = max(0, started + seconds - time.monotonic())
            readable, _, _ = select.select(missing.values(), [], [], left)
            assert readable, f"not seen to be {word} within {seconds} s by {', '.join(missing)}"
            for name in [name for name, follower in missing.items() if follower in readable]:
                missing.pop(name).take(word)
                times.append(f"{name} {time.monotonic() - started:.2f} s")
        return f"{word}: {', '.join(times)}"

    def stop(self):
        for actor in (*self.followers.values(), self.lower, self.upper):
            if actor:
                actor.stop()


def sdks_connect(play):
    streams = play.streams = Streams(play)
    streams.upper = streams.edge("upper", play.server.url)
    streams.lower = streams.edge("lower", streams.upper.url, "--streaming")
    streams.follow()
    streams.all_see("off", 30)
    all_are_connected(streams, {role: count for role, count in STREAMS.items()})


def sdks_see_a_flip(play):
    times = [play.streams.flip("on"), play.streams.flip("off")]
    for edge in (play.streams.upper, play.streams.lower):
        nobody_asks_for_lists(edge)
    answers = asked(play.streams.upper, "/api/client/delta")
    assert answers.keys() == {"200", "304"}, f"delta polls by status: {answers}"
    return "; ".join(times)


def sdks_come_back_after_a_restart(play):
    """Those below the lower edge need not: it goes on with what it has."""
    streams = play.streams
    hydrations = total(streams.lower, "brink_stream_events", type="hydration")
    code = streams.upper.ask_to_stop()
    assert code == 0, f"exit code {code} after SIGTERM"
    streams.upper.start()
    streams.upper.until_ready()
    started = time.monotonic()
    all_are_connected(streams, STREAMS)
    took = time.monotonic() - started
    times = [streams.flip("on"), streams.flip("off")]
    all_are_connected(streams, STREAMS)
    nobody_asks_for_lists(streams.lower)
    again = total(streams.lower, "brink_stream_events", type="hydration") - hydrations
    assert again == 0, f"the lower edge was sent everything again, {again:.0f} times"
    streams.stop()
    return f"connected after {took:.1f} s; {'; '.join(times)}"


def all_are_connected(streams, expected):
    """With as many connections made as there are streams, so nobody has come twice."""

    def counts(name):
        return {role: total(getattr(streams, role), name) for role in expected}

    until(RECONNECT_SECONDS, "all streams are open", lambda: counts("connected_streaming_clients") == expected)
    made = counts("streaming_connections_made")
    assert made == expected, f"streams opened: {made}"


def nobody_asks_for_lists(edge):
    answers = asked(edge, "/api/client/features")
    assert not answers, f"lists of features asked for, by status: {answers}"


def asked(edge, path):
    """Requests for a path, by status."""
    samples = figures(edge)["http_requests"][1]
    found = [(labels["status"], value) for _, labels, value in samples if labels["endpoint"] == path]
    return {status: sum(value for one, value in found if one == status) for status, _ in found}


def total(edge, family, **wanted):
    samples = figures(edge).get(family, ["", []])[1]
    return sum(value for _, labels, value in samples if wanted.items() <= labels.items())


def figures(edge):
    return parsed(request(f"{edge.url}/internal-backstage/metrics")[2])
