"""The checks of a scrape must notice what is out of order."""

import unittest

import scrape


def histogram(*buckets, count=3, total=1.5, **labels):
    samples = [["h_bucket", {"le": bound, **labels}, value] for bound, value in buckets]
    return [*samples, ["h_count", labels, count], ["h_sum", labels, total]]


GOOD = histogram(("0.5", 1), ("2.0", 3), ("+Inf", 3))


class Histograms(unittest.TestCase):
    def test_in_order(self):
        scrape.assert_adds_up("h", GOOD)
        scrape.assert_adds_up("h", [*GOOD, *histogram(("0.5", 0), ("+Inf", 3), a="b")])

    def test_out_of_order(self):
        cases = {
            "buckets go down": histogram(("0.5", 2), ("2.0", 1), ("+Inf", 3)),
            "bounds go down": histogram(("2.0", 1), ("0.5", 2), ("+Inf", 3)),
            "no last bucket": histogram(("0.5", 1), ("2.0", 3)),
            "another count": histogram(("0.5", 1), ("+Inf", 3), count=4),
            "negative sum": histogram(("0.5", 1), ("+Inf", 3), total=-1.0),
        }
        for name, samples in cases.items():
            with self.subTest(name), self.assertRaises(AssertionError):
                scrape.assert_adds_up("h", samples)


class Samples(unittest.TestCase):
    def test_each_once(self):
        scrape.assert_each_once("h", GOOD)
        with self.assertRaises(AssertionError):
            scrape.assert_each_once("h", [*GOOD, GOOD[0]])

    def test_values(self):
        families = {"c": ["counter", [["c_total", {"a": "1", "b": "2"}, 7.0], ["c_total", {"a": "2", "b": "2"}, 8.0]]]}
        self.assertEqual(scrape.value_of(families, "c", {"a": "1"}), 7.0)
        for labels in ({"b": "2"}, {"a": "3"}):
            with self.subTest(str(labels)), self.assertRaises(AssertionError):
                scrape.value_of(families, "c", labels)


if __name__ == "__main__":
    unittest.main()
