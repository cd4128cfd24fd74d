"""Acts on usage metrics."""

import time

from stage import fetch_json, request, until


def usage_arrives_at_the_server(play):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    bucket = {"start": now, "stop": now, "toggles": {"kill-switch": {"yes": 41, "no": 3, "variants": {}}}}
    usage = {"appName": "usage-through-brink", "instanceId": "one", "bucket": bucket}
    url = f"{play.brink.url}/api/client/metrics"
    status, _, body = request(url, method="POST", body=usage, token=play.tokens["BACKEND"])
    assert status == 202, f"{status} {body[:200]!r}"
    url = f"{play.server.url}/api/admin/client-metrics/features/kill-switch/raw"

    def arrived():
        # One row per hour, most of them zero.
        rows = fetch_json(url, token=play.tokens["ADMIN"])["data"]
        mine = [row for row in rows if row["appName"] == "usage-through-brink"]
        return (sum(row["yes"] for row in mine), sum(row["no"] for row in mine)) == (41, 3)

    until(30, "the server counts 41 yes and 3 no", arrived)
