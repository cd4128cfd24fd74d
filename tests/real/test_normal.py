"""The comparison must forgive what is of no consequence, and nothing else."""

import copy
import json
import unittest

import normal

ANSWER = {
    "version": 2,
    "features": [
        {
            "name": "a",
            "type": "release",
            "enabled": True,
            "description": None,
            "strategies": [
                {
                    "name": "flexibleRollout",
                    "segments": [1],
                    "parameters": {"rollout": "50"},
                    "constraints": [{"contextName": "region", "operator": "IN", "values": ["eu"]}],
                    "variants": [{"name": "v", "weight": 1000, "stickiness": "default"}],
                }
            ],
            "variants": [{"name": "w", "weight": 1000, "payload": {"type": "string", "value": "x"}}],
            "dependencies": [{"feature": "b"}],
        },
        {"name": "b", "enabled": False, "strategies": []},
    ],
    "segments": [
        {"id": 1, "name": "one", "constraints": [{"contextName": "plan", "operator": "IN", "values": ["pro"]}]},
        {"id": 2, "name": "unused", "constraints": []},
    ],
    "query": {"environment": "development"},
    "meta": {"revisionId": 7},
}


def found(change):
    changed = copy.deepcopy(ANSWER)
    change(changed)
    return list(normal.differences(normal.of_features(ANSWER), normal.of_features(changed)))


class Comparison(unittest.TestCase):
    def test_forgives(self):
        def strategy(answer):
            return answer["features"][0]["strategies"][0]

        cases = {
            "nothing": lambda a: None,
            "order of flags": lambda a: a["features"].reverse(),
            "query": lambda a: a["query"].update(projects=["*"]),
            "meta": lambda a: a.pop("meta"),
            "null dropped": lambda a: a["features"][0].pop("description"),
            "unused segment dropped": lambda a: a["segments"].pop(1),
            "segment name dropped": lambda a: a["segments"][0].pop("name"),
            "defaults written": lambda a: strategy(a)["constraints"][0].update(inverted=False, caseInsensitive=False),
            "unknown key dropped": lambda a: strategy(a).update(title="x"),
            "dependency enabled written": lambda a: a["features"][0]["dependencies"][0].update(enabled=True),
        }
        for name, change in cases.items():
            with self.subTest(name):
                self.assertEqual(found(change), [])

    def test_notices_any_other_leaf(self):
        ignored = ("/query", "/meta", "/segments/0/name", "/segments/1", "/features/0/description")
        paths = [path for path in leaves(ANSWER) if not path_text(path).startswith(ignored)]
        self.assertGreater(len(paths), 20)
        for path in paths:
            with self.subTest(path_text(path)):
                self.assertNotEqual(found(lambda answer: replace(answer, path)), [])

    def test_notices_missing_parts(self):
        cases = {
            "flag": lambda a: a["features"].pop(),
            "strategy": lambda a: a["features"][0]["strategies"].clear(),
            "segment": lambda a: a["segments"].pop(0),
            "variant": lambda a: a["features"][0].pop("variants"),
            "dependency": lambda a: a["features"][0].pop("dependencies"),
        }
        for name, change in cases.items():
            with self.subTest(name):
                self.assertNotEqual(found(change), [])

    def test_true_is_not_one(self):
        self.assertNotEqual(list(normal.differences(True, 1)), [])


def leaves(value, path=()):
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, (*path, key))
    else:
        yield path


def path_text(path):
    return "".join(f"/{key}" for key in path)


def replace(answer, path):
    *parents, last = path
    for key in parents:
        answer = answer[key]
    old = answer[last]
    answer[last] = (not old) if isinstance(old, bool) else old + 1 if isinstance(old, int) else f"{json.dumps(old)}!"


if __name__ == "__main__":
    unittest.main()
