"""A Python SDK client that has its first answer from the server."""

import sys
import threading

from UnleashClient import UnleashClient
from UnleashClient.events import UnleashEventType


def connect(url, token, folder, app_name="sdk-python", **options):
    # The SDK keeps flags in a folder that survives the process, and would answer
    # from there in place of a server that does not: give it a new one.
    fetched = threading.Event()
    # A stream says nothing but this, and only when it has been opened.
    is_streaming = options.get("experimental_mode", {}).get("type") == "streaming"
    awaited = UnleashEventType.READY if is_streaming else UnleashEventType.FETCHED

    def on_event(event):
        if event.event_type == awaited:
            fetched.set()

    client = UnleashClient(
        url=f"{url}/api",
        app_name=app_name,
        custom_headers={"Authorization": token},
        refresh_interval=1,
        cache_directory=folder,
        event_callback=on_event,
        **options,
    )
    client.initialize_client()
    if not fetched.wait(10):
        client.destroy()
        sys.exit(f"the Python SDK got no flags from {url}")
    return client
