"""The recorder must hand on what it gets, unchanged, and remember it."""

import json
import tempfile
import unittest
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import web
from stage import free_port, request


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, with a status of the path's choice."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        status = int(self.path.strip("/") or 200)
        body = b"" if status == 304 else json.dumps([self.command, sent, self.headers.get("X-Asked")]).encode()
        self.send_response_only(status)
        self.send_header("X-Told", "yes")
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_OPTIONS = do_GET


class Recorder(unittest.TestCase):
    def test_hands_on_and_remembers(self):
        upstream = web._Web(Echo)
        recorder = web.Recorder(upstream.url)
        self.addCleanup(upstream.stop)
        self.addCleanup(recorder.stop)
        cases = [("GET", "/200", None), ("POST", "/404", {"a": 1}), ("GET", "/304", None), ("OPTIONS", "/204", None)]
        for method, path, body in cases:
            with self.subTest(f"{method} {path}"):
                asked = {"X-Asked": path}
                straight = request(upstream.url + path, method, body, headers=asked)
                status, headers, content = request(recorder.url + path, method, body, headers=asked)
                self.assertEqual((straight[0], straight[2], "yes"), (status, content, headers["X-Told"]))
                last = recorder.exchanges[-1]
                self.assertEqual((last.method, last.path, last.status), (method, path, status))
                self.assertEqual((last.sent["x-asked"], last.received["x-told"]), (path, "yes"))
                self.assertEqual(last.body, b"" if body is None else b'{"a": 1}')
        self.assertEqual([e.path for e in recorder.fetches()], ["/200", "/404", "/304"])
        self.assertEqual([e.path for e in recorder.preflights()], ["/204"])

    def test_says_and_remembers_that_nobody_answers(self):
        recorder = web.Recorder(f"http://127.0.0.1:{free_port()}")
        self.addCleanup(recorder.stop)
        self.assertEqual(request(f"{recorder.url}/x", "POST", {"a": 1})[0], 502)
        self.assertEqual([(e.target, e.status) for e in recorder.exchanges], [(("POST", "/x", b'{"a": 1}'), 502)])


class Site(unittest.TestCase):
    def test_serves_bundles_and_takes_reports(self):
        reports = []
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "one.js").write_text("script")
            site = web.Site(Path(folder), reports.append)
            self.addCleanup(site.stop)
            cases = {
                "/one.js": (200, b"script"),
                "/one.html?x=y": (200, b'src="/one.js"'),
                "/two.html": (404, b""),
                "/../one.js": (404, b""),
                "/": (404, b""),
            }
            for path, (status, part) in cases.items():
                with self.subTest(path):
                    answer = request(site.url + path)
                    self.assertEqual(answer[0], status)
                    self.assertIn(part, answer[2])
            framed = request(site.framed(["/one.html?a=b&c=d"]))[2]
            self.assertEqual(framed, b'<iframe src="/one.html?a=b&amp;c=d"></iframe>')
            self.assertEqual(request(f"{site.url}/report", "POST", {"event": "x"})[0], 204)
        self.assertEqual(reports, [{"event": "x"}])


if __name__ == "__main__":
    unittest.main()
