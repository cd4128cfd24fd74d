"""Two small web servers on loopback for browsers: a site, and a recorder.

The site serves pages and takes their reports. The recorder stands in front of
brink, hands everything on as it is, and remembers heads; since it adds and
removes nothing, what a browser makes of the answers it makes of brink's.
"""

import html
import http.client
import json
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PER_CONNECTION = {"connection", "keep-alive", "host", "transfer-encoding"}
PAGE = """<!doctype html><meta charset="utf-8"><title>{name}</title><link rel="icon" href="data:,">
<div id="root"></div><script type="module" src="/{name}.js"></script>"""


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. Header names are lower case."""

    method: str
    path: str
    sent: dict
    body: bytes
    status: int
    received: dict

    @property
    def target(self):
        """What was asked for, whoever asks and however often."""
        return self.method, self.path, self.body


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go out in two writes, which would wait for each other.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # browsers give up requests as they please

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status, headers, body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Web:
    def __init__(self, handler):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Site(_Web):
    """Serves NAME.html and NAME.js for the bundles in a folder, and the frames page."""

    def __init__(self, bundles, on_report):
        self.frames = frames = []

        class Handler(_Quiet):
            def do_GET(self):
                if self.path == "/frames":
                    body = "".join(frames).encode()
                    return self._answer(200, [("Content-Type", "text/html"), ("Content-Length", str(len(body)))], body)
                name, _, kind = urllib.parse.urlsplit(self.path).path.strip("/").rpartition(".")
                bundle = bundles / f"{name}.js"
                if "/" in name or kind not in ("html", "js") or not bundle.is_file():
                    return self._answer(404, [("Content-Length", "0")])
                body = PAGE.format(name=name).encode() if kind == "html" else bundle.read_bytes()
                media = "text/html" if kind == "html" else "text/javascript"
                self._answer(200, [("Content-Type", media), ("Content-Length", str(len(body)))], body)

            def do_POST(self):
                on_report(json.loads(self._body()))
                self._answer(204, [])

        super().__init__(Handler)

    def framed(self, pages):
        """The URL of a page with all of these in it: a headless browser opens only one."""
        self.frames[:] = [f'<iframe src="{html.escape(page)}"></iframe>' for page in pages]
        return f"{self.url}/frames"


class Recorder(_Web):
    """A proxy in front of `upstream` that remembers. 502 when nobody answers."""

    def __init__(self, upstream):
        # Appended to by the handlers' threads, which Python does in one step.
        self.exchanges = exchanges = []
        address = urllib.parse.urlsplit(upstream)

        class Handler(_Quiet):
            def hand_on(self):
                body, sent = self._body(), _kept(self.headers)
                connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
                try:
                    connection.request(self.command, self.path, body, dict(sent))
                    answer = connection.getresponse()
                    content, received = answer.read(), _kept(answer.headers)
                except (OSError, http.client.HTTPException):
                    exchanges.append(Exchange(self.command, self.path, _by_name(sent), body, 502, {}))
                    return self._answer(502, [("Content-Length", "0")])
                finally:
                    connection.close()
                exchange = (self.command, self.path, _by_name(sent), body, answer.status, _by_name(received))
                exchanges.append(Exchange(*exchange))
                self._answer(answer.status, received, content)

            do_GET = do_POST = do_OPTIONS = hand_on

        super().__init__(Handler)

    def fetches(self):
        return [exchange for exchange in self.exchanges if exchange.method != "OPTIONS"]

    def preflights(self):
        return [exchange for exchange in self.exchanges if exchange.method == "OPTIONS"]


def _by_name(head):
    return {name.lower(): value for name, value in head}


def _kept(headers):
    return [(name, value) for name, value in headers.items() if name.lower() not in PER_CONNECTION]
