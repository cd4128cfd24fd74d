"""The visitors: frontend SDKs that run, in Node and in a browser, and what they report.

One browser serves all its pages. Each visitor has a recorder of its own between
itself and brink, so that its requests are known as its own.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import chromium
from stage import ENVIRONMENT, ROOT, WORK, node
from web import Recorder, Site

PACKAGES = WORK / "sdk/browser"


class Visitors:
    """All visitors by name, and their reports."""

    def __init__(self, brink, token):
        self.brink = brink
        self.token = token
        self.recorders = {}
        self.processes = []
        self.profile = None
        self.site = Site(PACKAGES / "pages", self._take)
        self.arrived = threading.Condition()
        # Guarded by `arrived`: all reports of a visitor, and how many are dealt with.
        self.reports = {}
        self.done = {}

    def start_node(self, visitor, method, asked):
        script = str(ROOT / "tests/sdk/browser/node.mjs")
        command = [node(), script, self._recorder(visitor), self.token, method, *asked]
        environment = {**ENVIRONMENT, "PACKAGES": str(PACKAGES)}
        process = self._start(command, env=environment, stdout=subprocess.PIPE)

        def read():
            for line in process.stdout:
                self._take({**json.loads(line), "visitor": visitor})

        threading.Thread(target=read, daemon=True).start()

    def start_browser(self, pages):
        """All pages in one: (visitor, page, method, flags asked for)."""
        self.profile = tempfile.mkdtemp(prefix="brink-chromium.")
        log = open(WORK / "test-real-chromium.log", "wb")
        all_pages = self.site.framed([self._page(*page) for page in pages])
        command = [chromium.program(), *chromium.OPTIONS, f"--user-data-dir={self.profile}", all_pages]
        with log:
            self._start(command, env=ENVIRONMENT, stdout=log, stderr=log)

    def _page(self, visitor, page, method, asked):
        query = [("visitor", visitor), ("url", self._recorder(visitor)), ("token", self.token), ("method", method)]
        query += [("flag", flag) for flag in asked]
        return f"/{page}.html?{urllib.parse.urlencode(query)}"

    def _recorder(self, visitor):
        self.recorders[visitor] = Recorder(self.brink)
        return self.recorders[visitor].url

    def _start(self, command, **rest):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **rest)
        self.processes.append(process)
        return process

    def _take(self, report):
        with self.arrived:
            self.reports.setdefault(report["visitor"], []).append(report)
            self.arrived.notify_all()

    def wait(self, visitor, seconds, what, matches):
        """The next report of a visitor that matches; those before it are dealt with, too."""
        deadline = time.monotonic() + seconds
        with self.arrived:
            while True:
                reports = self.reports.get(visitor, [])
                for index in range(self.done.get(visitor, 0), len(reports)):
                    if matches(reports[index]):
                        self.done[visitor] = index + 1
                        return reports[index]
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{visitor}, not within {seconds} s: {what}; reports: {_brief(reports)}")
                self.arrived.wait(left)

    def loads(self, visitor):
        """How often a visitor's page was loaded."""
        with self.arrived:
            return len({report.get("load") for report in self.reports[visitor]})

    def stop(self):
        for process in self.processes:
            # The browser's own processes are in its group.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        for actor in (self.site, *self.recorders.values()):
            actor.stop()
        if self.profile:
            shutil.rmtree(self.profile, ignore_errors=True)


def _brief(reports):
    seen = [{key: report.get(key) for key in ("event", "error", "text") if report.get(key)} for report in reports[-6:]]
    return f"{len(reports)}, at last {seen}"
