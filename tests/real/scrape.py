"""Acts on what Prometheus reads: after all that has happened, the scrape is in order."""

import json
import shutil
import subprocess

from play import same
from stage import ENVIRONMENT, request, sdk_command

# What the reference edge would show after this play (metrics.md 3.2), with labels;
# counters without "_total", as the parser has them. Those of streams are there once
# somebody has opened one: streams.py looks at them.
INSTANCE = {"app_name", "instance_id"}
REQUEST = INSTANCE | {"endpoint", "method", "status"}
ANSWER = INSTANCE | {"status_code"}
REFRESH = {"environment", "projects"}
FAMILIES = {
    "http_requests": ("counter", REQUEST),
    "http_server_duration_milliseconds": ("histogram", REQUEST),
    "http_response_size": ("histogram", REQUEST - {"status"}),
    "client_sdk_version": ("counter", INSTANCE | {"sdk_name", "sdk_version"}),
    "client_spec_version": ("counter", INSTANCE | {"sdk_name", "sdk_version", "spec_version"}),
    "request_content_encoding": ("counter", INSTANCE | {"accept_encoding", "path", "sdk_name", "sdk_version"}),
    "feature_toggle_usage": ("counter", {"active", "appName", "toggle"}),
    "client_feature_fetch": ("histogram", ANSWER),
    "client_metrics_upload": ("histogram", ANSWER),
    "metrics_size_in_bytes": ("histogram", set()),
    "metrics_interval_between_send": ("gauge", set()),
    "polling_revision_id": ("gauge", REFRESH),
    "polling_last_update": ("gauge", REFRESH),
    "process_cpu_seconds": ("counter", set()),
    "process_max_fds": ("gauge", set()),
    "process_open_fds": ("gauge", set()),
    "process_resident_memory_bytes": ("gauge", set()),
    "process_start_time_seconds": ("gauge", set()),
    "process_threads": ("gauge", set()),
    "process_virtual_memory_bytes": ("gauge", set()),
    "edge_request_duration_seconds": ("histogram", {"method", "endpoint", "status"}),
    "edge_upstream_latency": ("histogram", {"operation", "status_code"}),
    "edge_cache_hit": ("counter", {"endpoint"}),
    "edge_upstream_errors": ("counter", {"operation", "status_code"}),
    "edge_tokens_validated": ("counter", {"result"}),
}

# What usage_arrives_at_the_server has reported.
USAGE = {"appName": "usage-through-brink", "toggle": "kill-switch"}
YES_NO = ("true", "false")


def prometheus_reads_the_metrics(play):
    status, headers, body = request(f"{play.brink.url}/internal-backstage/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain"), f"{status} {headers}"
    families = parsed(body)
    missing = sorted(FAMILIES.keys() - families.keys())
    assert not missing, f"missing: {missing}"
    for name, (kind, labels) in FAMILIES.items():
        found, samples = families[name]
        assert found == kind, f"{name} is a {found}"
        assert samples, f"{name} has no samples"
        for sample, named, _ in samples:
            assert named.keys() - {"le"} == labels, f"{sample} has the labels {sorted(named)}"
    for name, (kind, samples) in families.items():
        assert_each_once(name, samples)
        if kind == "histogram":
            assert_adds_up(name, samples)
    assert_counts(play, families)
    count = sum(len(samples) for _, samples in families.values())
    return f"{len(families)} families, {count} samples, {promtool(body)}"


def parsed(body):
    """Through the parser that comes from PyPI, in the Python that has it."""
    done = subprocess.run(sdk_command("python", "families"), input=body, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return json.loads(done.stdout)


def assert_each_once(name, samples):
    seen = [(sample, tuple(sorted(labels.items()))) for sample, labels, _ in samples]
    assert len(seen) == len(set(seen)), f"{name} has a sample twice"


def assert_adds_up(name, samples):
    """Buckets do not go down, and the last is the count."""
    series = {}
    for sample, labels, value in samples:
        labels = dict(labels)
        bound = labels.pop("le", None)
        part = series.setdefault(tuple(sorted(labels.items())), {"buckets": []})
        if bound is None:
            part[sample.removeprefix(name)] = value
        else:
            part["buckets"].append((float(bound), value))
    for labels, part in series.items():
        bounds, counts = zip(*part["buckets"])
        assert list(bounds) == sorted(bounds) and bounds[-1] == float("inf"), f"{name} {labels}: {bounds}"
        assert list(counts) == sorted(counts), f"{name} {labels}: {counts}"
        assert counts[-1] == part["_count"] and part["_sum"] >= 0, f"{name} {labels}: {part}"


def assert_counts(play, families):
    """A few that are known, through all outages. Reports that fail are sent again, not counted again."""
    usage = {active: value_of(families, "feature_toggle_usage", {**USAGE, "active": active}) for active in YES_NO}
    same({"true": 41, "false": 3}, usage)
    revision = play.features(play.brink.url, play.tokens["BACKEND"])["meta"]["revisionId"]
    same(revision, value_of(families, "polling_revision_id", {"environment": "development", "projects": "*"}))
    unanswered = value_of(families, "edge_upstream_errors", {"operation": "features", "status_code": "0"})
    assert unanswered > 0, "no failed call is counted"


def value_of(families, name, labels):
    found = [value for _, named, value in families[name][1] if named.items() >= labels.items()]
    assert len(found) == 1, f"{len(found)} samples of {name} with {labels}"
    return found[0]


def promtool(body):
    """Complaints about names are not looked at: they are the reference edge's."""
    if not shutil.which("promtool"):
        return "no promtool here"
    done = subprocess.run(["promtool", "check", "metrics"], env=ENVIRONMENT, input=body, capture_output=True)
    # 3 is about style, 1 about what cannot be read.
    assert done.returncode in (0, 3), done.stderr.decode()[-500:]
    return "promtool reads them"
