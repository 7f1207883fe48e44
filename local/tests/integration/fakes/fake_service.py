"""Stands in for ``chassis``: serves /readyz and nothing else, and misbehaves as its service's name says."""

import http.server
import json
import os
import signal
import sys
import time

NAME = os.environ["SERVICE"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"service": NAME, "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        say("info", "request", path=self.path)


def say(level: str, event: str, **fields: object) -> None:
    timestamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    line = {"timestamp": timestamp, "level": level, "event": event, "service": NAME, **fields}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    say("info", "serving", words=sys.argv[1:])
    if NAME == "broken":
        say("error", "cannot serve", error="the flag file is missing")
        sys.exit(2)
    if NAME == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()


main()
