"""The comparison of evaluations must forgive what is known, and nothing else."""

import unittest

import contexts
from agreement import Tally, by_name, reaches


def flag(name, strategies, **rest):
    return {"name": name, "strategies": strategies, **rest}


def rollout(stickiness, **rest):
    return {"name": "flexibleRollout", "parameters": {"stickiness": stickiness}, **rest}


def asks(field):
    return {"contextName": field}


ANSWER = {
    "features": [
        flag("plain", [{"name": "default"}]),
        flag("by-user", [rollout("userId")]),
        flag("by-session", [rollout("sessionId")]),
        flag("by-default", [rollout("default")]),
        flag("asks-session", [{"name": "default", "constraints": [asks("sessionId")]}]),
        flag("segment", [{"name": "default", "segments": [7]}]),
        flag("address", [{"name": "remoteAddress", "parameters": {}}]),
        flag("variant", [{"name": "default"}], variants=[{"stickiness": "companyId", "overrides": [asks("plan")]}]),
        flag("strategy-variant", [rollout("userId", variants=[{"stickiness": "companyId"}])]),
        flag("child", [{"name": "default"}], dependencies=[{"feature": "by-user"}]),
    ],
    "segments": [{"id": 7, "constraints": [asks("sessionId")]}],
}
ALL = {feature["name"] for feature in ANSWER["features"]}
COMPLETE = {"userId": "u", "sessionId": "s", "properties": {"companyId": "c"}}


def left_out(context):
    return {name for name, reach in reaches(ANSWER).items() if not reach.comparable(context)}


def toggle(name, variant="disabled", **rest):
    drawn = {"name": variant, "enabled": variant != "disabled", **rest}
    return {"name": name, "enabled": True, "impressionData": False, "variant": drawn}


class Reaches(unittest.TestCase):
    def test_leaves_out_only_what_is_known(self):
        by_user = {"by-user", "by-default", "strategy-variant", "child"}
        by_company = {"variant", "strategy-variant"}
        by_session = {"by-session", "by-default", "asks-session", "segment"}
        cases = {
            "complete": (COMPLETE, set()),
            "no user": ({**COMPLETE, "userId": None}, set()),
            "empty user": ({**COMPLETE, "userId": ""}, by_user),
            "user beyond ASCII": ({**COMPLETE, "userId": "ß"}, by_user),
            "no session": ({**COMPLETE, "sessionId": None}, by_session),
            "empty session": ({**COMPLETE, "sessionId": ""}, by_session),
            "property beyond ASCII": ({**COMPLETE, "properties": {"companyId": "ß"}}, by_company),
            "no properties": ({**COMPLETE, "properties": None}, set()),
            "IPv6": ({**COMPLETE, "remoteAddress": "::1"}, {"address"}),
            "IPv4": ({**COMPLETE, "remoteAddress": "10.0.0.1"}, set()),
            "compared, not hashed": ({**COMPLETE, "properties": {"companyId": "c", "plan": "ß"}}, set()),
        }
        for name, (context, expected) in cases.items():
            with self.subTest(name):
                self.assertEqual(left_out({k: v for k, v in context.items() if v is not None}), expected)


class Comparison(unittest.TestCase):
    def compare(self, expected, actual, context=COMPLETE):
        tally = Tally()
        tally.compare(reaches(ANSWER), context, by_name({"toggles": expected}), by_name({"toggles": actual}))
        return tally

    def test_forgives(self):
        cases = {
            "order": ([toggle("plain"), toggle("child")], [toggle("child"), toggle("plain")]),
            "a payload that is null": ([toggle("plain")], [toggle("plain", payload=None)]),
            "the flag's state inside": ([toggle("plain", feature_enabled=True)], [toggle("plain")]),
            "a draw": ([toggle("random-x")], []),
        }
        for name, (expected, actual) in cases.items():
            with self.subTest(name):
                tally = self.compare(expected, actual)
                self.assertEqual((tally.differences, tally.compared), ([], len(ALL)))

    def test_notices(self):
        payload = {"type": "string", "value": "x"}
        cases = {
            "off": ([toggle("plain")], []),
            "on": ([], [toggle("plain")]),
            "variant": ([toggle("plain", "a")], [toggle("plain", "b")]),
            "payload": ([toggle("plain", "a", payload=payload)], [toggle("plain", "a")]),
            "impression": ([toggle("plain")], [{**toggle("plain"), "impressionData": True}]),
            "unknown": ([], [toggle("nobody-knows")]),
        }
        for name, (expected, actual) in cases.items():
            with self.subTest(name):
                self.assertEqual(len(self.compare(expected, actual).differences), 1)

    def test_counts(self):
        tally = self.compare([toggle("plain", "a")], [toggle("plain", "a")], {**COMPLETE, "userId": ""})
        self.assertEqual((tally.compared, tally.left_out), (6, 4))
        self.assertEqual((tally.enabled, tally.with_variant), (1, 1))
        self.assertEqual(tally.seen_on, {"plain"})
        self.assertEqual(len(tally.seen_off), 5)


class Contexts(unittest.TestCase):
    def test_the_seed_decides(self):
        self.assertEqual(contexts.generate(50, 1), contexts.generate(50, 1))
        self.assertNotEqual(contexts.generate(50, 1), contexts.generate(50, 2))

    def test_query(self):
        context = {"userId": "a&b", "properties": {"plan": "é"}}
        self.assertEqual(contexts.as_query(context, flat=False), "userId=a%26b&properties%5Bplan%5D=%C3%A9")
        self.assertEqual(contexts.as_query(context, flat=True), "userId=a%26b&plan=%C3%A9")
        self.assertEqual(contexts.as_query({}, flat=True), "")

    def test_numbers(self):
        texts = {"a": "100", "b": "-1", "c": "00100", "d": "1e2", "e": "", "f": "-", "g": "x"}
        body = contexts.as_body({"userId": "7", "properties": texts}, numbers=True)
        self.assertEqual(body, {"context": {"userId": "7", "properties": {**texts, "a": 100, "b": -1}}})


if __name__ == "__main__":
    unittest.main()
