"""A headless Chromium that is asked, and told what to do, over a pipe.

The DevTools protocol: JSON objects that end with a zero byte, to the browser on its
descriptor 3 and from it on 4. No port is opened.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from stage import ENVIRONMENT, WORK

OPTIONS = """--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync --no-proxy-server
    --disable-background-timer-throttling --disable-renderer-backgrounding
    --disable-backgrounding-occluded-windows""".split()


def program():
    return os.environ.get("CHROMIUM", "chromium")


class Chromium:
    """One browser with pages of its own."""

    def __init__(self, name, window=(1200, 1100)):
        self.profile = tempfile.mkdtemp(prefix="brink-chromium.")
        (theirs_in, self.to), (self.answers, theirs_out) = _pipe(), _pipe()
        command = [program(), *OPTIONS, f"--user-data-dir={self.profile}", f"--window-size={window[0]},{window[1]}"]
        # The shell puts the two ends where the browser looks for them.
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        with open(WORK / f"test-real-chromium-{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", shell, "chromium", *command, "--remote-debugging-pipe", "about:blank"],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
            )
        for end in (theirs_in, theirs_out):
            os.close(end)
        self.calls = 0
        self.unread = b""

    def open(self, url):
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, target, session)
        page.go(url)
        return page

    def call(self, method, parameters=None, session=None, seconds=60):
        """What the browser returns; events that come before it are not looked at."""
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        # Messages are short and the browser reads at once.
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while (answer := self._read(deadline)).get("id") != self.calls:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _read(self, deadline):
        while b"\0" not in self.unread:
            left = max(0, deadline - time.monotonic())
            readable, _, _ = select.select([self.answers], [], [], left)
            more = os.read(self.answers, 65536) if readable else b""
            assert more, "the browser has ended" if readable else "the browser does not answer"
            self.unread += more
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def stop(self):
        # The browser's own processes are in its group.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for end in (self.to, self.answers):
            os.close(end)
        shutil.rmtree(self.profile, ignore_errors=True)


def _pipe():
    """Out of the way of the descriptors that the browser looks at."""
    low = os.pipe()
    ends = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low)
    for end in low:
        os.close(end)
    return ends


class Page:
    """One page of a browser."""

    def __init__(self, browser, target, session):
        self.browser = browser
        self.target = target
        self.session = session

    def call(self, method, parameters=None):
        return self.browser.call(method, parameters, self.session)

    def go(self, url):
        trouble = self.call("Page.navigate", {"url": url}).get("errorText")
        assert not trouble, f"{url.rpartition('@')[2]}: {trouble}"

    def run(self, expression):
        """The value of a JavaScript expression."""
        told = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in told, f"{expression}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    def screenshot(self, path):
        picture = self.call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(picture["data"]))
