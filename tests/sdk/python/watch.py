"""Prints "on" or "off" for one flag, first as found and then at each change.

    python watch.py URL TOKEN FLAG MODE

MODE is how the SDK hears of changes: "polling" or "streaming". It tells nobody of
them, so it is asked over and over.
"""

import sys
import tempfile
import time

from connect import connect

PAUSE_SECONDS = 0.01


def main():
    url, token, flag, mode = sys.argv[1:5]
    with tempfile.TemporaryDirectory() as folder:
        client = connect(url, token, folder, disable_metrics=True, experimental_mode={"type": mode})
        last = None
        # Whoever started it ends it.
        while True:
            now = "on" if client.is_enabled(flag) else "off"
            if now != last:
                print(now, flush=True)
            last = now
            time.sleep(PAUSE_SECONDS)


main()
