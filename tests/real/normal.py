"""The meaning of a features answer, apart from how it is written. Pure.

Two answers mean the same when `of_features` of both is equal. Key order, the
order of flags, `query`, `meta` and the liberties that contract tests grant a
proxy (dropped unknown keys, written-out defaults) make no difference. Anything
else does.
"""

# The keys of the wire format. `None` and absence are the same.
FEATURE = (
    "name type description createdAt lastSeenAt enabled stale impressionData project".split()
)
STRATEGY = "name sortOrder parameters".split()
VARIANT = "name weight weightType stickiness payload".split()
STRATEGY_VARIANT = "name weight stickiness payload".split()


def of_features(answer):
    features = {feature["name"]: _feature(feature) for feature in answer["features"]}
    # A proxy leaves out segments that no flag in sight refers to.
    wanted = {id for feature in features.values() for s in feature["strategies"] for id in s["segments"]}
    segments = {
        segment["id"]: [_constraint(c) for c in segment["constraints"]]
        for segment in answer.get("segments", [])
        if segment["id"] in wanted
    }
    return {"version": answer["version"], "features": features, "segments": segments}


def differences(expected, actual, at=""):
    """Paths at which two JSON values differ, with both values."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys(), key=str):
            yield from differences(expected.get(key), actual.get(key), f"{at}/{key}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, pair in enumerate(zip(expected, actual)):
            yield from differences(*pair, f"{at}/{index}")
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield f"{at}: expected {expected!r}, got {actual!r}"


def _pick(keys, thing):
    return {key: thing[key] for key in keys if thing.get(key) is not None}


def _feature(feature):
    return {
        **_pick(FEATURE, feature),
        "strategies": [_strategy(s) for s in feature.get("strategies") or []],
        "variants": [_variant(v) for v in feature.get("variants") or []],
        "dependencies": [_dependency(d) for d in feature.get("dependencies") or []],
    }


def _strategy(strategy):
    return {
        **_pick(STRATEGY, strategy),
        "segments": strategy.get("segments") or [],
        "constraints": [_constraint(c) for c in strategy.get("constraints") or []],
        "variants": [_pick(STRATEGY_VARIANT, v) for v in strategy.get("variants") or []],
    }


def _constraint(constraint):
    return {
        **_pick(["contextName", "operator", "value"], constraint),
        "values": constraint.get("values") or [],
        "caseInsensitive": constraint.get("caseInsensitive") or False,
        "inverted": constraint.get("inverted") or False,
    }


def _variant(variant):
    return {**_pick(VARIANT, variant), "overrides": variant.get("overrides") or []}


def _dependency(dependency):
    return {
        "feature": dependency["feature"],
        "enabled": dependency.get("enabled", True) is not False,
        "variants": dependency.get("variants") or [],
    }
