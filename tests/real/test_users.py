"""Sums of usage must leave out what is zero, and nothing else."""

import unittest

from users import added, evaluations


class Sums(unittest.TestCase):
    def test_adds(self):
        one = {"a": {"yes": 2, "no": 0, "variants": {"x": 1, "y": 0}}, "b": {"yes": 0, "no": 0, "variants": {}}}
        two = {"a": {"yes": 1, "no": 4, "variants": None}, "c": {"no": 1}}
        expected = {("a", "yes"): 3, ("a", "no"): 4, ("a", "variant x"): 1, ("c", "no"): 1}
        self.assertEqual(added(one, two), expected)
        self.assertEqual(added(two, one), expected)
        self.assertEqual(evaluations(added(one, two)), 8)

    def test_notices(self):
        usage = {"a": {"yes": 1, "no": 1, "variants": {"x": 1}}}
        others = {
            "flag": {"b": usage["a"]},
            "yes": {"a": {**usage["a"], "yes": 2}},
            "no": {"a": {**usage["a"], "no": 0}},
            "variant": {"a": {**usage["a"], "variants": {"y": 1}}},
            "number of a variant": {"a": {**usage["a"], "variants": {"x": 2}}},
        }
        for name, other in others.items():
            with self.subTest(name):
                self.assertNotEqual(added(usage), added(other))


if __name__ == "__main__":
    unittest.main()
