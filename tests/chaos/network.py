"""A bad network: every request takes a while, and some arrive long after everybody has stopped waiting for them."""

import asyncio
import random
import re
import threading
from asyncio import StreamReader, StreamWriter
from collections import defaultdict
from contextlib import closing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tradewind.testing import RunningSystem

LATE = "late"
"""What marks a request that is to arrive late: in the payment's token, or in a SKU (in capitals there)."""
_SLOWEST_SECONDS = 0.2
_LONGEST_HELD_SECONDS = 25
_ANSWER_SECONDS = 10
_HEAD_BYTES = 65_536
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STEP = re.compile(rb"PUT /v1/(?:payments|reservations)/([0-9a-f-]{36})(/void|/release)? ")


@dataclass(frozen=True)
class Request:
    """One request as it travels; ``undoes`` and ``late`` hold the order that it is about, or None."""

    raw: bytes
    undoes: bytes | None
    late: bytes | None

    @classmethod
    def of(cls, head: bytes, body: bytes) -> Self:
        """Look at what comes."""
        step = _STEP.match(head)
        order = step[1] if step else None
        undoing = bool(step and step[2])
        marked = f"-{LATE}".encode() in body or f"-{LATE.upper()}".encode() in body
        return cls(head + body, order if undoing else None, order if marked and not undoing else None)


class Way:
    """The way to one peer; ``port`` is where it leads, ``held`` are the orders of which a request was.

    A marked request, and every repetition of it, is held until the same order's void or release was answered: the late
    original, which only a tombstone can refuse.
    """

    def __init__(self) -> None:
        self.port: int | None = None
        self._undone: defaultdict[bytes, asyncio.Event] = defaultdict(asyncio.Event)
        self.held: set[str] = set()

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Carry the requests of one connection, and their answers, until it ends or all of this does."""
        # asyncio reports a connection whose task is cancelled as a mistake.
        over = (OSError, EOFError, TimeoutError, ValueError, asyncio.CancelledError)
        with closing(writer), suppress(*over):
            there, back = await asyncio.open_connection("127.0.0.1", self.port)
            with closing(back):
                while True:
                    await self._exchange(await _request(reader), there, back, writer)

    async def _exchange(self, request: Request, there: StreamReader, back: StreamWriter, writer: StreamWriter) -> None:
        await asyncio.sleep(random.uniform(0, _SLOWEST_SECONDS))
        if request.late is not None:
            self.held.add(request.late.decode())
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_HELD_SECONDS):
                    await self._undone[request.late].wait()
        back.write(request.raw)
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await _answer(there)
        if request.undoes is not None and answer.split(b" ", 2)[1] == b"200":
            self._undone[request.undoes].set()
        writer.write(answer)
        await writer.drain()


class Network:
    """The ways to some peers, named, in a thread of their own; ``ports`` are where they begin."""

    def __init__(self, *peers: str) -> None:
        self._ways = {name: Way() for name in peers}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self.ports: dict[str, int] = {}

    def lead_into(self, system: RunningSystem) -> None:
        """Lead to the peers in this system; whoever asks before that is refused."""
        for name, way in self._ways.items():
            way.port = int(system.parts()[name]["address"].rpartition(":")[2])

    def holds(self, order_id: str) -> bool:
        """Tell whether a request about this order was held."""
        return any(order_id in way.held for way in self._ways.values())

    def __enter__(self) -> Self:
        self._thread.start()
        for name, way in self._ways.items():
            starting = asyncio.start_server(way.carry, "127.0.0.1", 0, limit=_HEAD_BYTES)
            server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        carrying = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        # What was closed says so in the loop's next turn.
        await asyncio.sleep(0)


async def _request(reader: StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    return Request.of(head, await _body(head, reader))


async def _answer(reader: StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await _body(head, reader)


async def _body(head: bytes, reader: StreamReader) -> bytes:
    """Read a body of the length that the head tells; nobody here sends one in pieces."""
    if b"transfer-encoding" in head.lower():
        raise ValueError(head)
    length = _LENGTH.search(head)
    return await reader.readexactly(int(length[1])) if length else b""
