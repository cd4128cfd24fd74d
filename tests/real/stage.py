"""The actors of the real tests: the server, brink, the SDKs, and plain HTTP.

Each actor starts its own processes and ends those, by pid, in `stop`.
"""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".work"
RUN = "test-real"
# What the actors may inherit: a stray TOKENS or PORT would configure brink.
ENVIRONMENT = {key: os.environ[key] for key in ("PATH", "HOME", "USER", "TMPDIR") if key in os.environ}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(url, method="GET", body=None, token=None, headers=None, timeout=5):
    """One request on a connection of its own: (status, headers, body)."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = token
    if body is not None:
        body = json.dumps(body)
        headers["Content-Type"] = "application/json"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def status_of(url, **rest):
    """The status, or None when nobody answers."""
    try:
        return request(url, **rest)[0]
    except OSError:
        return None


def fetch_json(url, expect=200, **rest):
    status, _, body = request(url, **rest)
    assert status == expect, f"{url} answered {status}: {body[:200]!r}"
    return json.loads(body)


class Connection:
    """Many requests with one token, on one connection."""

    def __init__(self, url, token):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        self.headers = {"Authorization": token}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def fetch(self, method, path, body=None):
        headers, text = self.headers, None
        if body is not None:
            headers, text = {**headers, "Content-Type": "application/json"}, json.dumps(body)
        self.connection.request(method, path, text, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == 200, f"{method} {path} {text or ''} answered {answer.status}: {content[:200]!r}"
        return json.loads(content)


def until(seconds, what, condition):
    """Polls until `condition` holds and returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return result


class Server:
    """The real Unleash server, through scripts/real-upstream."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = {}

    def _script(self, *args):
        command = [ROOT / "scripts/real-upstream", *args]
        done = subprocess.run(command, env={**ENVIRONMENT, "RUN": RUN}, capture_output=True, text=True)
        assert done.returncode == 0, f"real-upstream {args[0]}: {done.stderr}"
        return done.stdout

    def start(self):
        lines = self._script("start", "--port", str(self.port)).splitlines()
        self.state = dict(line.split("=", 1) for line in lines)

    def flip(self, flag, to):
        self._script("flip", flag, to)

    def freeze(self):
        os.kill(self._pid(), signal.SIGSTOP)

    def thaw(self):
        os.kill(self._pid(), signal.SIGCONT)

    def down(self):
        """Ends it as a good server ends: what it has accepted is saved, and stays."""
        self._script("down")

    def up(self):
        lines = self._script("up")
        self.state = dict(line.split("=", 1) for line in lines.splitlines())

    def stop(self):
        self._script("stop")

    def _pid(self):
        return int(self.state["SERVER"].split(":")[0])


class Brink:
    """The program under test, in edge mode in front of the server.

    `name` tells its log from that of others; `options` come after the usual ones.
    """

    def __init__(self, program, upstream, tokens, options=(), name="brink", metrics_seconds=1, base_path=""):
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = self.origin + base_path
        self.log = WORK / f"test-real-{name}.log"
        self.log.write_bytes(b"")
        # The spelling that the reference program takes as well.
        self.command = [program, "--port", str(self.port), "--interface", "127.0.0.1"]
        if base_path:
            self.command += ["--base-path", base_path]
        self.command += ["edge", "--upstream-url", upstream, "--tokens", ",".join(tokens)]
        self.command += ["--features-refresh-interval-seconds", "1"]
        self.command += ["--metrics-interval-seconds", str(metrics_seconds), *options]
        self.start()

    def start(self):
        """Also again, at the same port."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def backstage(self, name):
        assert self.process.poll() is None, f"brink has ended, see {self.log}"
        return status_of(f"{self.url}/internal-backstage/{name}")

    def until_ready(self):
        until(60, "ready is 200", lambda: self.backstage("ready") == 200)

    def ask_to_stop(self):
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Load:
    """Some requests a second, on several connections, for as long as it lasts."""

    def __init__(self, url, token):
        command = ["hey", "-z", "10m", "-c", "16", "-q", "10", "-H", f"Authorization: {token}", url]
        null = subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=ENVIRONMENT, stdin=null, stdout=null, stderr=null)

    def stop(self):
        self.process.kill()
        self.process.wait()


SDKS = ("node", "python", "rust")


def sdk_command(sdk, what):
    """The program that makes an SDK `evaluate`, `use` or `watch` flags."""
    return {
        "node": [node(), str(ROOT / f"tests/sdk/node/{what}.mjs")],
        "python": [str(WORK / "sdk/python/bin/python"), str(ROOT / f"tests/sdk/python/{what}.py")],
        "rust": [str(WORK / "sdk/rust/debug/brink-sdk-rust"), what],
    }[sdk]


def node():
    found = sorted(WORK.glob("real/node_modules/node-linux-*/bin/node"))
    return str(found[0]) if found else "node"


def sdk_environment():
    return {**ENVIRONMENT, "PACKAGES": str(WORK / "sdk/node"), "PYTHONDONTWRITEBYTECODE": "1"}


def sdk_answers(sdk, url, token, flags, contexts):
    """What one SDK, freshly started against `url`, makes of flags and contexts."""
    command = [*sdk_command(sdk, "evaluate"), url, token]
    question = json.dumps({"flags": flags, "contexts": contexts})
    done = subprocess.run(
        command, env=sdk_environment(), input=question, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{sdk} SDK against {url}: {done.stderr.strip()[-500:]}"
    return json.loads(done.stdout)


class Watcher:
    """An SDK that stays up and tells of changes to one flag."""

    def __init__(self, url, token, flag, sdk="node", mode="polling"):
        command = [*sdk_command(sdk, "watch"), url, token, flag, mode]
        self.process = subprocess.Popen(command, env=sdk_environment(), stdout=subprocess.PIPE)

    def expect(self, word, seconds):
        readable, _, _ = select.select([self], [], [], seconds)
        assert readable, f"the SDK did not see {word!r} within {seconds} s"
        self.take(word)

    def take(self, word):
        """Reads what is there to be read, which must be this."""
        # Unbuffered, so that select never misses a line that Python holds already.
        got = os.read(self.fileno(), 64).decode().strip()
        assert got == word, f"the SDK saw {got!r}, not {word!r}"

    def fileno(self):
        return self.process.stdout.fileno()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
