"""Holds chains of brink and another edge against the real Unleash server.

Called by scripts/test-chain: `run_chain.py BRINK PEER`. As run.py, but with these
acts only: brink below the peer, the peer below brink, and brink below brink.
"""

import sys

import chain
from play import Play
from run import perform


def checks(play):
    brink, peer = play.program, play.peer
    yield "the server starts", lambda play: play.server.start()
    yield from chain.checks(play, "peer-above", "brink below the peer", peer, brink)
    yield from chain.checks(play, "peer-below", "the peer below brink", brink, peer)
    yield from chain.checks(play, "chain", "brink below brink", brink, brink)


def main(brink, peer):
    play = Play(brink)
    play.peer = peer
    return perform(play, checks)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
