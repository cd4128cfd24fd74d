"""Holds brink against the real Unleash server and real SDKs.

Called by scripts/test-real, which has installed everything: `run.py BRINK`. The
checks run in order on one stage, as acts of one play: brink before the server,
the server up, changed, frozen, gone, and back. A failed check does not end the
play. Checks of parts that brink does not have yet (NOT_YET) are named and not
run. The last line is `N passed, N failed`; the exit code is 1 if any failed.

The acts are in a module per subject; this one has their order.
"""

import signal
import sys
import time

import backend
import browsers
import chain
import frontend
import outages
import pages
import scrape
import streams
import usage
from play import BACKEND_TOKENS, Play
from stage import SDKS

# What brink does not have yet. Take a part out as soon as it is there.
NOT_YET = set()


def checks(play):
    """Title, check, and the part of brink without which it cannot hold, if there is one."""
    yield "brink starts before the server", outages.brink_starts_before_the_server
    yield "brink becomes ready by itself", outages.brink_becomes_ready_by_itself
    yield from backend_checks()
    yield from frontend_checks()
    yield from browser_checks()
    yield "usage arrives at the server", usage.usage_arrives_at_the_server
    yield from usage_checks()
    yield from chain.checks(play, "chain", "brink below brink", play.program, play.program)
    yield from stream_checks()
    yield from page_checks()
    yield "an SDK sees a flip", backend.sdk_sees_a_flip
    yield "brink keeps serving while the server hangs", outages.keeps_serving_while_the_server_hangs
    yield "brink keeps serving while the server is gone", outages.keeps_serving_while_the_server_is_gone
    yield "brink follows the server when it is back", outages.follows_the_server_when_it_is_back
    yield "Prometheus reads the metrics", scrape.prometheus_reads_the_metrics
    yield "brink ends well", outages.ends_well


def backend_checks():
    for name in BACKEND_TOKENS:
        yield f"features mean the same, {name}", lambda play, name=name: backend.features_mean_the_same(play, name)
    yield "a single feature means the same", backend.single_feature_means_the_same
    yield "unchanged features are 304", backend.unchanged_features_are_304
    for sdk in SDKS:
        for name in BACKEND_TOKENS:
            yield f"{sdk} SDK agrees, {name}", lambda play, sdk=sdk, name=name: backend.sdk_agrees(play, sdk, name)
    yield "a wrong token is refused", backend.wrong_token_is_refused


def frontend_checks():
    yield "the frontend API agrees with the Rust SDK", frontend.agrees_with_the_rust_sdk
    for name in frontend.GENERATED:
        title = f"the frontend API agrees with the server's own, {name}"
        yield title, lambda play, name=name: frontend.agrees_with_the_server(play, name)
    yield "the routes of the frontend API agree", frontend.routes_agree


def browser_checks():
    for method in ("GET", "POST"):
        visitor = browsers.visitor_name("Node", method)
        yield f"{visitor}: agrees", lambda play, method=method: browsers.node_starts(play, method)
        yield f"{visitor}: unchanged flags are 304", again(visitor, method)
    yield "Chromium starts", browsers.chromium_starts
    for method in ("GET", "POST"):
        visitor = browsers.visitor_name("Chromium", method)
        yield f"{visitor}: minds origins", lambda play, visitor=visitor: browsers.chromium_minds_origins(play, visitor)
        yield f"{visitor}: agrees", lambda play, visitor=visitor: browsers.follows_its_context(play, visitor)
        yield f"{visitor}: unchanged flags are 304", again(visitor, method)
        title = f"{visitor}: asks before each kind of request"
        yield title, lambda play, visitor=visitor, method=method: browsers.asks_for_permission(play, visitor, method)
    yield f"{browsers.REACT}: shows flags", browsers.react_shows_flags
    yield "all browser SDKs see a flip", browsers.all_see_a_flip


def usage_checks():
    yield "SDKs report usage", usage.sdks_report_usage
    yield "usage waits while the server is gone", usage.usage_waits_while_the_server_is_gone
    yield "brink is restarted with usage waiting", usage.brink_is_restarted
    yield "each evaluation is counted once", usage.each_evaluation_is_counted_once


def stream_checks():
    yield "SDKs connect to streams", streams.sdks_connect
    yield "SDKs see a flip by streams and deltas", streams.sdks_see_a_flip
    yield "SDKs come back to streams after a restart", streams.sdks_come_back_after_a_restart


def page_checks():
    yield "the status page shows what is", pages.status_page_shows_what_is
    yield "the status page is behind a password", pages.status_page_is_behind_a_password
    yield "the status page moves with the load", pages.status_page_moves_with_the_load
    yield "the OpenAPI page shows all operations", pages.openapi_page_shows_all_operations
    yield "the status page says that brink is gone", pages.status_page_says_that_brink_is_gone


def again(visitor, method):
    return lambda play: browsers.fetches_again_with_a_tag(play, visitor, method)


def perform(play, checks):
    """Runs the checks in order, ends the play, and returns the exit code."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    passed = failed = 0
    try:
        for title, check, *parts in checks(play):
            if missing := NOT_YET.intersection(parts):
                print(f"not yet {title} (brink has no {', '.join(missing)})", flush=True)
                continue
            started = time.monotonic()
            try:
                figures = check(play)
            except Exception as trouble:
                failed += 1
                print(f"FAILED  {title}: {type(trouble).__name__}: {trouble}", flush=True)
            else:
                passed += 1
                notes = "; ".join(filter(None, [f"{time.monotonic() - started:.1f} s", figures]))
                print(f"ok      {title} ({notes})", flush=True)
    finally:
        play.end()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(perform(Play(*sys.argv[1:]), checks))
