"""Evaluates flags with the Python SDK.

    python evaluate.py URL TOKEN < {"flags": [...], "contexts": [...]}

Prints {flag: [[enabled, variant], ... one per context]}; fails when the SDK has
not got its flags from URL within ten seconds.
"""

import json
import sys
import tempfile

from connect import connect


def main():
    url, token = sys.argv[1:3]
    request = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        client = connect(url, token, folder, disable_metrics=True)
        answers = {
            flag: [evaluate(client, flag, context) for context in request["contexts"]]
            for flag in request["flags"]
        }
        client.destroy()
    print(json.dumps(answers))


def evaluate(client, flag, context):
    variant = client.get_variant(flag, context)
    answer = {
        "name": variant["name"],
        "enabled": variant["enabled"],
        "payload": variant.get("payload"),
    }
    return [client.is_enabled(flag, context), answer]


main()
