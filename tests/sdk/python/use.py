"""Uses flags with a Python SDK that reports usage every second.

    python use.py URL TOKEN APP < lines

Lines as for ../node/use.mjs; prints {"asked": ...} for each, because this SDK
does not tell what it has sent.
"""

import json
import sys
import tempfile

from connect import connect


def main():
    url, token, app_name = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        client = connect(url, token, folder, app_name, metrics_interval=1, metrics_jitter=0)
        question = json.loads(sys.stdin.readline())
        asked = {}
        for line in sys.stdin:
            for context in question["contexts"] if line.strip() == "again" else []:
                ask(client, question, context, asked)
            print(json.dumps({"asked": asked}), flush=True)
        client.destroy()


def ask(client, question, context, asked):
    for flag in question["enabled"]:
        count(asked, flag, client.is_enabled(flag, context))
    for flag in question["variants"]:
        variant = client.get_variant(flag, context)
        variants = count(asked, flag, variant["feature_enabled"])["variants"]
        variants[variant["name"]] = variants.get(variant["name"], 0) + 1


def count(asked, flag, enabled):
    entry = asked.setdefault(flag, {"yes": 0, "no": 0, "variants": {}})
    entry["yes" if enabled else "no"] += 1
    return entry


main()
