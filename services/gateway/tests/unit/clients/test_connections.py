"""The HTTP client of the proxy, byte by byte: what it sends, and what it makes of what it gets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from gateway.clients.connections import Connection, Reply, UnansweredError
from gateway.domain.ports import BrokenAnswerError

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Keeps what is written, and what it is told about reading."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Wire:
    """A connection, its transport, and where it puts itself when it is free."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.connection = Connection(self.idle)
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)

    async def ask(
        self,
        *received: bytes,
        head: bytes = GET,
        body: bytes | AsyncIterator[bytes] | None = None,
        chunked: bool = False,
        head_only: bool = False,
    ) -> Reply:
        """Ask, and let ``received`` come in pieces."""
        asking = asyncio.create_task(self.connection.ask(head, body, chunked=chunked, head_only=head_only))
        for piece in received:
            await turn()
            self.connection.data_received(piece)
        return await asyncio.wait_for(asking, 5)


async def turn() -> None:
    """Let other tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def read(reply: Reply) -> bytes:
    body = b""
    while piece := await asyncio.wait_for(reply.chunk(), 5):
        body += piece
    return body


async def test_answer_with_a_length_is_whole_when_it_is_here() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello")
    assert wire.transport.written == GET
    assert (reply.status, reply.fields) == (200, [(b"Content-Length", b"5"), (b"X-A", b"1")])
    assert reply.whole() == b"hello"


async def test_head_is_there_before_the_body() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r\nhe")
    assert reply.whole() is None
    assert await reply.chunk() == b"he"
    wire.connection.data_received(b"llo")
    assert await read(reply) == b"llo"


async def test_chunks_are_unframed_and_trailers_dropped() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert await reply.chunk() == b"abc"
    wire.connection.data_received(b"2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
    assert await read(reply) == b"de"
    assert (b"X-Trailer", b"1") not in reply.fields


async def test_interim_answers_are_passed_over() -> None:
    wire = Wire()
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    reply = await wire.ask(early, b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
    assert (reply.status, reply.fields, reply.whole()) == (204, [(b"X-A", b"1")], b"")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_status_without_body_ends_with_its_head(status: bytes) -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n")
    assert reply.whole() == b""
    reply.close()
    assert wire.idle == [wire.connection]


async def test_body_without_a_length_ends_with_the_connection() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert await reply.chunk() == b"hel"
    wire.connection.data_received(b"lo")
    wire.connection.connection_lost(None)
    assert await read(reply) == b"lo"
    reply.close()
    assert wire.idle == []


async def test_connection_is_used_again_after_a_complete_answer() -> None:
    wire = Wire()
    for _ in range(3):
        reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert reply.whole() == b"ok"
        reply.close()
        assert wire.idle == [wire.connection]
        wire.idle.clear()
    assert not wire.transport.closed


Case = Callable[[Wire], Coroutine[Any, Any, Reply]]


async def _closing(wire: Wire) -> Reply:
    return await wire.ask(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")


async def _unread(wire: Wire) -> Reply:
    return await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok")


async def _talkative(wire: Wire) -> Reply:
    return await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n")


async def _old(wire: Wire) -> Reply:
    return await wire.ask(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def _head(wire: Wire) -> Reply:
    return await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", head_only=True)


@pytest.mark.parametrize("case", [_closing, _unread, _talkative, _old, _head])
async def test_connection_is_closed_after_any_other(case: Case) -> None:
    wire = Wire()
    (await case(wire)).close()
    assert wire.idle == []
    assert wire.transport.closed


async def test_answer_to_head_has_no_body_whatever_it_says() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", head_only=True)
    assert (reply.status, reply.whole()) == (200, b"")


@pytest.mark.parametrize(
    "received",
    [b"", b"HTTP/1.1 200 OK\r\nContent-", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"],
)
async def test_what_is_no_answer_is_none(received: bytes) -> None:
    wire = Wire()
    asking = asyncio.create_task(wire.ask(received))
    await turn()
    wire.connection.connection_lost(None)
    with pytest.raises(UnansweredError):
        await asking


@pytest.mark.parametrize("framing", [b"Content-Length: 20", b"Transfer-Encoding: chunked"])
async def test_answer_that_ends_early_is_broken(framing: bytes) -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
    wire.connection.connection_lost(None)
    with pytest.raises(BrokenAnswerError):
        await reply.chunk()


async def test_reset_breaks_even_an_answer_without_a_length() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\n\r\n")
    wire.connection.connection_lost(ConnectionResetError())
    with pytest.raises(BrokenAnswerError):
        await reply.chunk()


async def test_service_that_speaks_unasked_is_hung_up_on() -> None:
    wire = Wire()
    (await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).close()
    wire.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    assert wire.transport.closed
    wire.connection.connection_lost(None)
    assert wire.idle == []


def reads(wire: Wire) -> bool:
    return wire.transport.reading


async def test_no_more_is_read_than_is_taken() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    wire.connection.data_received(b"x" * 60_000)
    assert reads(wire)
    wire.connection.data_received(b"x" * 60_000)
    assert not reads(wire)
    assert len(await reply.chunk()) == 120_000
    assert reads(wire)


async def test_free_connection_reads_again() -> None:
    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    assert not reads(wire)
    reply.close()
    assert wire.idle == [wire.connection]
    assert reads(wire)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece
        await turn()


async def test_whole_body_goes_with_its_head() -> None:
    wire = Wire()
    await wire.ask(b"HTTP/1.1 204 No Content\r\n\r\n", body=b"hello")
    assert wire.transport.written == GET + b"hello"


async def test_body_in_pieces_is_framed_where_it_has_no_length() -> None:
    for chunked, expected in ((True, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), (False, b"abcde")):
        wire = Wire()
        asking = asyncio.create_task(wire.ask(body=pieces(b"abc", b"de"), chunked=chunked))
        for _ in range(5):
            await turn()
        wire.connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
        (await asking).close()
        assert wire.transport.written == GET + expected
        assert wire.idle == [wire.connection]


async def test_body_is_sent_no_faster_than_the_service_reads() -> None:
    wire = Wire()
    wire.connection.pause_writing()
    asking = asyncio.create_task(wire.ask(body=pieces(b"abc"), chunked=True))
    await turn()
    assert wire.transport.written == GET
    wire.connection.resume_writing()
    for _ in range(3):
        await turn()
    assert wire.transport.written.endswith(b"0\r\n\r\n")
    wire.connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
    await asking


async def test_body_that_fails_ends_the_connection_and_never_looks_complete() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionError

    wire = Wire()
    with pytest.raises(UnansweredError):
        await wire.ask(body=failing(), chunked=True)
    assert wire.transport.closed
    assert not wire.transport.written.endswith(b"0\r\n\r\n")


async def test_early_answer_ends_the_sending() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0)

    wire = Wire()
    reply = await wire.ask(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", body=endless(), chunked=True)
    reply.close()
    assert wire.transport.closed
    await turn()
    sent = len(wire.transport.written)
    await turn()
    assert len(wire.transport.written) == sent


async def test_asker_that_gives_up_closes_the_connection() -> None:
    wire = Wire()
    asking = asyncio.create_task(wire.ask())
    await turn()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert wire.transport.closed
    assert wire.idle == []
