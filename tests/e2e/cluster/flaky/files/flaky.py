"""A service that breaks the connection on the first tries of a request, and counts how often it was tried.

`x-resets` says how many tries are broken, `x-request` names the request. What a request does is done before the
connection breaks, once for each `idempotency-key`: like a pod that died with its work done and its answer unsent.
"""

import json
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_tries: dict[str, int] = {}
_effects: dict[str, set[str]] = {}


class Flaky(BaseHTTPRequestHandler):
    """Answers every method alike."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Serve one try of a request."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith("/counts/"):
            request = self.path.removeprefix("/counts/")
            self._say({"tries": _tries.get(request, 0), "effects": len(_effects.get(request, ()))})
        elif self.path.startswith("/v1/"):
            request = self.headers["x-request"]
            tried = _tries[request] = _tries.get(request, 0) + 1
            _effects.setdefault(request, set()).add(self.headers.get("idempotency-key", f"try {tried}"))
            if tried <= int(self.headers["x-resets"]):
                self._reset()
            else:
                self._say({"try": tried})
        else:
            self._say({})

    def __getattr__(self, name: str) -> object:
        """Find `do_GET` and its like."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_request(self, *_: object) -> None:
        """Say nothing."""

    def _say(self, document: dict[str, int]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """End the connection at once, with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


ThreadingHTTPServer(("", 8000), Flaky).serve_forever()
