"""Reads a scrape with the parser of Prometheus's own Python client.

    python families.py < text

Prints {family: [type, [[sample, labels, value], ...]]}. Counters have no "_total" in
the name of the family; that is how the parser has it.
"""

import json
import sys

from prometheus_client.parser import text_fd_to_metric_families

families = {}
for family in text_fd_to_metric_families(sys.stdin):
    samples = [[sample.name, sample.labels, sample.value] for sample in family.samples]
    if family.name in families:
        sys.exit(f"the family {family.name} comes twice")
    families[family.name] = [family.type, samples]
# Not a number and the infinities as Python writes them, for Python to read.
print(json.dumps(families))
