"""HTTP/1.1 connections to services, on asyncio and the parser that uvicorn uses too. Source: RFC 9112.

Header fields are bytes in and bytes out, and nothing is done that a proxy has to undo. A general client's session, with
its URL and header objects, redirects, cookies and hooks, costs three times as much; the README has the figures.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, cast

import httptools

from gateway.domain.forwarding import Fields
from gateway.domain.ports import Body, BrokenAnswerError

_MOST_BUFFERED_BYTES: Final = 65_536
_FIRST_FINAL_STATUS: Final = 200
_DELIMITING: Final = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS: Final = frozenset({204, 304})


class UnansweredError(Exception):
    """The connection ended, or said what is no HTTP, before the head of an answer was complete."""


class Reply:
    """One answer while it comes in: what the parser found, and what nobody took yet.

    Args:
        head_only: The request was a HEAD: whatever the answer says of a body, there is none.
    """

    __slots__ = (
        "_begun",
        "_connection",
        "_delimited",
        "_ended",
        "_head_only",
        "_parser",
        "_pieces",
        "_size",
        "_waiter",
        "broken",
        "fields",
        "reusable",
        "status",
    )

    def __init__(self, connection: "Connection", *, head_only: bool) -> None:
        self._connection = connection
        self._head_only = head_only
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._begun = self._ended = self._delimited = False
        self.broken = self.reusable = False
        self.status = 0
        self.fields: Fields = []

    # What whoever asked does with it.

    async def head(self) -> None:
        """Wait for status and fields.

        Raises:
            UnansweredError: They did not come.
        """
        while not self._begun:
            if self.broken:
                raise UnansweredError
            await self._progress()

    def whole(self) -> bytes | None:
        """Return what is left of the body if all of it is here, else None."""
        return self._take() if self._ended else None

    async def chunk(self) -> bytes:
        """Return the next piece of the body, empty at its end.

        Raises:
            BrokenAnswerError: The connection ended too early.
        """
        while not self._pieces and not self._ended:
            if self.broken:
                raise BrokenAnswerError
            await self._progress()
        return self._take()

    def close(self) -> None:
        """Let go of the connection: to be used again if it can be, else closed."""
        self._connection.finish(reusable=self._ended and self.reusable)

    def _take(self) -> bytes:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._connection.resume_reading()
        return body

    async def _progress(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    # What the connection tells it.

    def feed(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail()
        self._wake()

    def fail(self) -> None:
        """Note that nothing more will come, and that it is not enough."""
        self.broken, self.reusable = True, False
        self._wake()

    def end(self) -> None:
        """Note that the service has closed the connection: the end of a body that has no other, else a failure."""
        if self._begun and not self._delimited:
            self._ended = True
        if not self._ended:
            self.broken = True
        self.reusable = False
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # What the parser tells it.

    def on_message_begin(self) -> None:
        """Distrust a connection on which more comes than was asked for."""
        if self._ended:
            self.fail()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; trailers are not passed on."""
        if not self._begun:
            self.fields.append((name, value))
            self._delimited = self._delimited or name.lower() in _DELIMITING

    def on_headers_complete(self) -> None:
        """Keep the status; an interim answer (1xx) is forgotten."""
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            self.fields.clear()
            return
        self.status, self._begun = status, True
        self._delimited = self._delimited or status in _BODILESS
        if self._head_only:
            # The parser would wait for the body that the fields announce, so this connection ends with the answer.
            self._ended = True

    def on_body(self, piece: bytes) -> None:
        """Keep a piece; read no faster than it is taken."""
        if self._head_only:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > _MOST_BUFFERED_BYTES:
            self._connection.pause_reading()

    def on_message_complete(self) -> None:
        """Note the end, and whether another request may follow."""
        if self._begun and not self._head_only:
            self._ended = True
            self.reusable = self._parser.should_keep_alive()


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way.

    Args:
        idle: Where it puts itself when another request can be sent on it.
    """

    def __init__(self, idle: "list[Connection]") -> None:
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._sender: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether a request can be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: Body, *, chunked: bool, head_only: bool) -> Reply:
        """Send a request, and return the answer once its head is here.

        Args:
            head: Everything before the body.
            chunked: Whether a body that comes in pieces is framed by chunks.
            head_only: The request is a HEAD.

        Raises:
            UnansweredError: No answer came; the connection is closed.
        """
        self._reply = reply = Reply(self, head_only=head_only)
        if self._transport is None:
            raise UnansweredError
        if body is None or isinstance(body, bytes):
            self._transport.write(head + body if body else head)
        else:
            self._transport.write(head)
            self._sender = self._loop.create_task(self._send(body, chunked=chunked))
        try:
            await reply.head()
        except BaseException:
            self.finish(reusable=False)
            raise
        return reply

    async def _send(self, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Send a body piece by piece, no faster than the service takes it."""
        try:
            async for piece in body:
                await self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                await self._write(b"0\r\n\r\n")
        except Exception:  # noqa: BLE001 - why the body ended is its own to tell; here it only matters that it did
            # Half a body cannot be taken back: the end of the connection is how the service learns of it.
            self._abort()

    async def _write(self, data: bytes) -> None:
        if self._drained is not None:
            await self._drained
        if self._transport is not None:
            self._transport.write(data)

    def finish(self, *, reusable: bool) -> None:
        """End the exchange: wait for the next if it is possible, else close."""
        sending = self._sender is not None and not self._sender.done()
        self._reply = None
        self.resume_reading()
        if reusable and not sending and self.usable:
            self.idle_since = self._loop.time()
            self._idle.append(self)
        else:
            self._abort()
        self._sender = None

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self._sender is not None and self._sender is not asyncio.current_task():
            self._sender.cancel()
        if self._reply is not None:
            self._reply.fail()

    def close(self) -> None:
        """Close it."""
        self._abort()

    # Flow control.

    def pause_reading(self) -> None:
        """Take nothing more from the service for now."""
        if self._transport is not None and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more again."""
        if self._transport is not None and self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Let the sender wait: the service does not keep up."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let the sender go on."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What asyncio tells it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class.

    def data_received(self, data: bytes) -> None:
        """Hand what came to the answer that waits for it; what nobody waits for ends the connection."""
        if self._reply is None:
            self._abort()
        else:
            self._reply.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        """End the answer; an idle connection just goes."""
        self._transport = None
        self.resume_writing()
        if self._reply is not None:
            if error is None:
                self._reply.end()
            else:
                self._reply.fail()
        elif self in self._idle:
            self._idle.remove(self)
