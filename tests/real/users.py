"""The users: backend SDKs that stay up, use flags, and report usage as they do.

What an SDK has been asked for is known from its own program. What of it has been
accepted differs by what becomes of a report that fails:

- the Node SDK keeps it and sends it again, and tells of what was accepted: it
  reports to brink itself;
- the Python and the Rust SDK forget it, and tell nothing: a recorder stands between
  them and brink, and knows each report and its answer.
"""

import json
import subprocess
import threading
from collections import Counter

from stage import SDKS, WORK, sdk_command, sdk_environment
from web import Recorder

PAUSE_SECONDS = 0.05
RECORDED = ("python", "rust")


class User:
    """One SDK, from its own thread asked for all flags about twenty times a second."""

    def __init__(self, sdk, brink, token, question):
        self.app = f"usage-{sdk}"
        self.recorder = Recorder(brink.url) if sdk in RECORDED else None
        url = self.recorder.url if self.recorder else brink.url
        command = [*sdk_command(sdk, "use"), url, token, self.app]
        pipe = subprocess.PIPE
        with open(WORK / f"test-real-{self.app}.log", "wb") as log:
            self.process = subprocess.Popen(
                command, env=sdk_environment(), stdin=pipe, stdout=pipe, stderr=log, text=True
            )
        self.rounds = 0
        # Replaced by the thread as a whole, so whoever reads sees one round or the next.
        self.told = {}
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self._ask, args=(question,), daemon=True)
        self.thread.start()

    def _ask(self, question):
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            while not self.enough.is_set():
                self._say("again")
                self.rounds += 1
                self.enough.wait(PAUSE_SECONDS)
        except (OSError, ValueError):
            pass  # it has ended, and `has_asked` says so

    def _say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.told = json.loads(self.process.stdout.readline())

    def has_asked(self, rounds):
        assert self.thread.is_alive(), f"{self.app} has ended, see its log in {WORK}"
        return self.rounds >= rounds

    def ask_no_more(self):
        self.enough.set()
        self.thread.join()

    def has_reported_all(self):
        """For one that is asked no more: it goes on reporting."""
        self._say("tell")
        return self.asked() == self.accepted() + self.forgotten()

    def asked(self):
        return added(self.told.get("asked", {}))

    def accepted(self):
        return self._reported(lambda status: status == 202) if self.recorder else added(self.told.get("sent", {}))

    def forgotten(self):
        return self._reported(lambda status: status != 202) if self.recorder else added()

    def _reported(self, wanted):
        reports = [e for e in list(self.recorder.exchanges) if e.path == "/api/client/metrics" and wanted(e.status)]
        return added(*(json.loads(report.body)["bucket"]["toggles"] for report in reports))

    def stop(self):
        self.enough.set()
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.recorder:
            self.recorder.stop()


def start_users(brink, token, question):
    return [User(sdk, brink, token, question) for sdk in SDKS]


def added(*usages):
    """The sum of several {flag: {yes, no, variants}}, as {(flag, what): count}; no zeros."""
    total = Counter()
    for usage in usages:
        for flag, entry in usage.items():
            total[flag, "yes"] += entry.get("yes", 0)
            total[flag, "no"] += entry.get("no", 0)
            for variant, count in (entry.get("variants") or {}).items():
                total[flag, f"variant {variant}"] += count
    return +total


def evaluations(total):
    """How many evaluations a sum of usages stands for."""
    return sum(count for (_, what), count in total.items() if what in ("yes", "no"))
