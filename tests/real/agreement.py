"""What two frontend APIs answered, flag by flag, and where they may differ. Pure.

The server evaluates with its Node SDK, brink as the reference edge does, and in
a few cases those are known to differ. `comparable` takes out just these pairs of
flag and context; a flag is concerned if it, or a flag that it depends on, looks
at the field in question. The server

- invents a session when there is none;
- takes an empty field for a missing one, and so does not hash it;
- hashes the low bytes of UTF-16 where the specification has UTF-8;
- knows no IPv6 networks in the strategy `remoteAddress`;
- ignores `currentTime`, and takes a parent that is switched off for satisfied:
  contexts.py sends no time, and the parents in flags.mjs are all switched on;
- says itself "frontend-api" for a missing application, "default" for a missing
  environment, and the peer for an empty address: no flag looks for these.

Flags that draw at random are not in the list that is compared at all.
"""

import json
from dataclasses import dataclass, field

HASHING = {
    "flexibleRollout": None,  # says itself what it hashes
    "gradualRolloutUserId": "userId",
    "gradualRolloutSessionId": "sessionId",
}


@dataclass(frozen=True)
class Reach:
    """What decides about a flag: context fields, those hashed, and strategies."""

    fields: frozenset
    hashed: frozenset
    strategies: frozenset

    def comparable(self, context):
        """Whether the server and the reference edge must say the same."""
        values = {**context.get("properties", {}), **{n: v for n, v in context.items() if n != "properties"}}
        if "sessionId" in self.fields and not values.get("sessionId"):
            return False
        if "remoteAddress" in self.strategies and ":" in values.get("remoteAddress", ""):
            return False
        hashed = [values[name] for name in self.hashed if name in values]
        return all(value and value.isascii() for value in hashed)


def reaches(answer):
    """The reach of each flag of a client features answer, parents included."""
    features = {feature["name"]: feature for feature in answer["features"]}
    segments = {segment["id"]: segment["constraints"] for segment in answer["segments"]}
    return {name: _reach(feature, features, segments) for name, feature in features.items()}


def _reach(feature, features, segments):
    fields, hashed = set(), set()
    strategies = {strategy["name"] for strategy in feature["strategies"]}
    for strategy in feature["strategies"]:
        constraints = list(strategy.get("constraints") or [])
        for id in strategy.get("segments") or []:
            constraints += segments[id]
        fields.update(constraint["contextName"] for constraint in constraints)
        hashed |= _hashed_by(strategy)
        if strategy["name"] == "userWithId":
            fields.add("userId")
        if strategy["name"] == "remoteAddress":
            fields.add("remoteAddress")
        for variant in strategy.get("variants") or []:
            hashed |= _sticky(variant.get("stickiness"))
    for variant in feature.get("variants") or []:
        hashed |= _sticky(variant.get("stickiness"))
        fields.update(override["contextName"] for override in variant.get("overrides") or [])
    for dependency in feature.get("dependencies") or []:
        parent = _reach(features[dependency["feature"]], features, segments)
        fields |= parent.fields
        hashed |= parent.hashed
        strategies |= parent.strategies
    return Reach(frozenset(fields | hashed), frozenset(hashed), frozenset(strategies))


def _hashed_by(strategy):
    if strategy["name"] not in HASHING:
        return set()
    field = HASHING[strategy["name"]]
    return {field} if field else _sticky(strategy["parameters"].get("stickiness"))


def _sticky(stickiness):
    if stickiness in (None, "", "default"):
        return {"userId", "sessionId"}
    return {stickiness}


def by_name(answer):
    """{flag: what a frontend SDK gets to know of it}, of the flags that are on.

    The server repeats the flag's state inside the variant and leaves out payloads
    that are not there; the reference edge spells one key in two ways.
    """
    return {toggle["name"]: _meaning(toggle) for toggle in answer["toggles"]}


def _meaning(toggle):
    variant = {key: toggle["variant"].get(key) for key in ("name", "enabled", "payload")}
    return {"enabled": toggle["enabled"], "impressionData": toggle["impressionData"], "variant": variant}


@dataclass
class Tally:
    """What has been compared so far."""

    compared: int = 0
    left_out: int = 0
    enabled: int = 0
    with_variant: int = 0
    # Both, so that a flag that is always on, or off, is known.
    seen_on: set = field(default_factory=set)
    seen_off: set = field(default_factory=set)
    differences: list = field(default_factory=list)

    def compare(self, reaches, context, expected, actual):
        """Compares two `by_name` answers to one context, for all flags in `reaches`."""
        unknown = sorted((expected.keys() | actual.keys()) - reaches.keys())
        self.differences += [f"unknown flag {name}" for name in unknown if not name.startswith("random-")]
        for name, reach in reaches.items():
            if not reach.comparable(context):
                self.left_out += 1
                continue
            self._note(name, context, expected.get(name), actual.get(name))

    def _note(self, name, context, expected, actual):
        self.compared += 1
        (self.seen_off if expected is None else self.seen_on).add(name)
        if expected is not None:
            self.enabled += 1
            self.with_variant += expected["variant"]["enabled"]
        if expected != actual:
            self.differences.append(f"{name} in {_short(context)}: expected {expected}, got {actual}")

    def __str__(self):
        varying = len(self.seen_on & self.seen_off)
        return (
            f"{self.compared} toggles compared, {self.share(self.enabled)} % enabled, "
            f"{self.share(self.with_variant)} % with a variant, {self.left_out} left out, "
            f"{varying} of {len(self.seen_on | self.seen_off)} flags both on and off"
        )

    def share(self, part):
        return round(100 * part / max(1, self.compared))


def _short(context):
    text = json.dumps(context, ensure_ascii=False)
    return text if len(text) < 500 else f"{text[:250]} ... {text[-250:]}"
