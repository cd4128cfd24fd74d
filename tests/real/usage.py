"""Acts on usage metrics: what SDKs have evaluated, the server must count, once each.

The long scenario is on a brink of its own, so that it can be restarted.
"""

import time

import backend
from play import same
from stage import Brink, fetch_json, request, until
from users import added, evaluations, start_users

# Flags of all kinds, asked for with isEnabled and with getVariant.
ENABLED = ["kill-switch", "switched-off", "rollout-user-50"]
VARIANTS = ["variant-of-strategy", "variant-payloads", "variant-off"]
QUESTION = {"enabled": ENABLED, "variants": VARIANTS, "contexts": backend.CONTEXTS[1:5]}
# About two seconds: two reports of each SDK, or more.
ROUNDS = 40
# brink's rounds have several reports of each SDK, and when it is stopped, something
# waits for its next one.
METRICS_SECONDS = 3


def usage_arrives_at_the_server(play):
    report(play, play.brink, "usage-through-brink", yes=41, no=3)
    expected = {("kill-switch", "yes"): 41, ("kill-switch", "no"): 3}
    arrives(play, "usage-through-brink", ["kill-switch"], expected)


def sdks_report_usage(play):
    tokens = [play.tokens["BACKEND"]]
    # Upstream may be slow on a busy machine. Giving up on a report that is then
    # counted after all, and sending it again, is what the protocol asks for.
    patience = ("--upstream-socket-timeout", "30")
    play.reporter = Brink(
        play.program, play.server.url, tokens, patience, name="reporter", metrics_seconds=METRICS_SECONDS
    )
    play.reporter.until_ready()
    play.users = start_users(play.reporter, play.tokens["BACKEND"], QUESTION)
    use_on(play)
    for user in play.users:
        until(30, f"{user.app} reports usage", user.accepted)


def usage_waits_while_the_server_is_gone(play):
    play.server.down()
    use_on(play)
    apps = {user.app for user in play.users}
    until(30, "usage of all SDKs waits in brink", lambda: apps <= {row["key"]["app_name"] for row in waiting(play)})
    url = f"{play.reporter.url}/internal-backstage/metrics"
    failed = 'edge_upstream_errors_total{operation="metrics",status_code="0"}'
    until(30, "a report to the server has failed", lambda: failed in request(url)[2].decode())


def brink_is_restarted(play):
    """The server is back, and the next round is to come yet when brink must go."""
    play.server.up()
    rows = until(30, "something waits when brink is stopped", lambda: waiting(play))
    code = play.reporter.ask_to_stop()
    assert code == 0, f"exit code {code} after SIGTERM"
    use_on(play)
    play.reporter.start()
    play.reporter.until_ready()
    use_on(play)
    left = sum(row["bucket"]["yes"] + row["bucket"]["no"] for row in rows)
    return f"{left} evaluations were waiting"


def each_evaluation_is_counted_once(play):
    for user in play.users:
        user.ask_no_more()
    for user in play.users:
        until(30, f"{user.app} has reported all", user.has_reported_all)
    # It comes last, so when it is there, all is there that ever will be.
    report(play, play.reporter, "usage-at-last", yes=1, no=0)
    arrives(play, "usage-at-last", ["kill-switch"], {("kill-switch", "yes"): 1})
    figures = []
    for user in play.users:
        arrives(play, user.app, ENABLED + VARIANTS, user.accepted(), seconds=5)
        told = f"{user.app}: {evaluations(user.accepted())} of {evaluations(user.asked())}"
        figures.append(told)
    code = play.reporter.ask_to_stop()
    assert code == 0, f"exit code {code} after SIGTERM"
    return ", ".join(figures)


def use_on(play):
    """Until each SDK has been asked for some rounds more."""
    goals = [(user, user.rounds + ROUNDS) for user in play.users]
    for user, rounds in goals:
        until(60, f"{user.app} has asked for flags", lambda: user.has_asked(rounds))


def waiting(play):
    return fetch_json(f"{play.reporter.url}/internal-backstage/metricsbatch")["metrics"]


def report(play, brink, app, yes, no):
    """One report, as an SDK would send it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    bucket = {"start": now, "stop": now, "toggles": {"kill-switch": {"yes": yes, "no": no, "variants": {}}}}
    usage = {"appName": app, "instanceId": "one", "bucket": bucket}
    status, _, body = request(f"{brink.url}/api/client/metrics", "POST", usage, play.tokens["BACKEND"])
    assert status == 202, f"{status} {body[:200]!r}"


def arrives(play, app, flags, expected, seconds=30):
    """The server saves every five seconds, and variants one moment after the rest."""
    try:
        until(seconds, "", lambda: counted(play, app, flags) == expected)
    except AssertionError:
        same(readable(expected), readable(counted(play, app, flags)))


def counted(play, app, flags):
    """What the server has counted for an application. It has one row per hour, most of them zero."""
    rows = []
    for flag in flags:
        url = f"{play.server.url}/api/admin/client-metrics/features/{flag}/raw"
        rows += fetch_json(url, token=play.tokens["ADMIN"])["data"]
    return added(*({row["featureName"]: row} for row in rows if row["appName"] == app))


def readable(total):
    return {" ".join(key): count for key, count in total.items()}
