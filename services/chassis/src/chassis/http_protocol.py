"""uvicorn's HTTP/1.1, with an end to request heads: in bytes, and in time.

The parser takes a head of any length and waits for the rest of it for ever, and all of it is held in memory: a few
clients that send slowly, or without end, would otherwise be enough to stop a service.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
HEAD_SECONDS = 20.0

_TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_SLOW = b"408 Request Timeout"


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a head that is too large (431), or not complete in time (408), and closes the connection."""

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type] # as uvicorn's own
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and count it while a head is not complete."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(_TOO_LARGE)
            elif self._head_timer is None:
                self._wait()

    def on_message_begin(self) -> None:
        """Count anew."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Count no more: what follows is a body, which routes bound."""
        self._head_done()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._expire)

    def _head_done(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _expire(self) -> None:
        self._head_timer = None
        if self._answering():
            self._wait()  # A pipelined request: its turn has not come.
        else:
            self._refuse(_TOO_SLOW)

    def _answering(self) -> bool:
        """Tell whether an earlier request of this connection is not answered yet; there may have been none."""
        return not getattr(self.cycle, "response_complete", True)

    def _refuse(self, status: bytes) -> None:
        self._head_done()
        if self.transport.is_closing():
            return
        if self._head_bytes and not self._answering():
            self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self.transport.close()
