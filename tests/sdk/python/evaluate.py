"""Evaluates flags with the Python SDK.

    python evaluate.py URL TOKEN < {"flags": [...], "contexts": [...]}

Prints {flag: [[enabled, variant], ... one per context]}; fails when the SDK has
not got its flags from URL within ten seconds.
"""

import json
import sys
import tempfile
import threading

from UnleashClient import UnleashClient
from UnleashClient.events import UnleashEventType


def main():
    url, token = sys.argv[1:3]
    request = json.load(sys.stdin)
    # The SDK keeps flags in a folder that survives the process, and would answer
    # from there in place of a server that does not: give it a new one.
    with tempfile.TemporaryDirectory() as folder:
        client = connect(url, token, folder)
        answers = {
            flag: [evaluate(client, flag, context) for context in request["contexts"]]
            for flag in request["flags"]
        }
        client.destroy()
    print(json.dumps(answers))


def connect(url, token, folder):
    fetched = threading.Event()

    def on_event(event):
        if event.event_type == UnleashEventType.FETCHED:
            fetched.set()

    client = UnleashClient(
        url=f"{url}/api",
        app_name="sdk-python",
        custom_headers={"Authorization": token},
        refresh_interval=1,
        disable_metrics=True,
        cache_directory=folder,
        event_callback=on_event,
    )
    client.initialize_client()
    if not fetched.wait(10):
        client.destroy()
        sys.exit(f"the Python SDK got no flags from {url}")
    return client


def evaluate(client, flag, context):
    variant = client.get_variant(flag, context)
    answer = {
        "name": variant["name"],
        "enabled": variant["enabled"],
        "payload": variant.get("payload"),
    }
    return [client.is_enabled(flag, context), answer]


main()
