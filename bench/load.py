"""A load generator that costs little: HTTP/1.1 with keep-alive on bare protocols, bounded in requests and in time.

It sends one prepared request again and again and reads no more of an answer than it must. Only 127.0.0.1 is ever asked.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

HEADERS_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
LAST_CHUNK = b"\r\n0\r\n\r\n"
GRACE_SECONDS = 15


class LoadError(Exception):
    """A server answered something else than 200, or nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """One GET: the port on 127.0.0.1, the path, and the bearer token, which a side that checks none gets as well."""

    port: int
    path: str
    token: str

    @property
    def request(self) -> bytes:
        """The bytes that are sent each time, as a simple client would send them."""
        return (
            f"GET {self.path} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\n"
            "Accept: application/json\r\n"
            "User-Agent: bench\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        ).encode()


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of one burst: finished requests, and how many seconds they took in all."""

    requests: int
    seconds: float


def burst(target: Target, *, connections: int, seconds: float, requests: int = 1_000_000) -> Burst:
    """Keep ``connections`` requests under way until ``seconds`` have passed or ``requests`` are answered.

    Raises:
        LoadError: An answer was not 200, or a server stopped answering.
    """
    return uvloop.run(_burst(target, connections, seconds, requests))


def latencies(targets: Sequence[Target], *, requests: int, pause_seconds: float) -> list[list[float]]:
    """Ask the targets in turn, one request at a time with a pause after each; return the seconds each answer took.

    Raises:
        LoadError: An answer was not 200, or a server stopped answering.
    """
    return uvloop.run(_latencies(targets, requests, pause_seconds))


class _Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class.

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no answer will come."""
        self.fail(LoadError(f"the server closed the connection: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Collect bytes until the answer is complete."""
        self._buffer = self._buffer + data if self._buffer else data
        if is_complete(self._buffer):
            answer, self._buffer = self._buffer, b""
            if answer[9:12] == b"200":
                self.answered()
            else:
                self.fail(LoadError(answer[:1000].decode(errors="replace")))

    def ask(self) -> None:
        """Send the request."""
        assert self._transport is not None
        self._transport.write(self._request)

    async def once(self) -> float:
        """Send the request and return the seconds until the answer's last byte."""
        self._waiting = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        self.ask()
        await asyncio.wait_for(self._waiting, GRACE_SECONDS)
        return time.perf_counter() - started

    def answered(self) -> None:
        """Let ``once`` return."""
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    def fail(self, error: Exception) -> None:
        """Let ``once`` raise."""
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)

    def close(self) -> None:
        """Close the connection; what it still says is nobody's."""
        self._waiting = None
        if self._transport:
            self._transport.close()


class _Tally:
    """What all connections of a burst share: how much is left to do, and the moment it is done."""

    def __init__(self, *, seconds: float, requests: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finished = 0
        self._seconds = seconds
        self._requests = requests
        self._started = 0.0

    def begin(self) -> None:
        """Let the time run."""
        self._started = time.perf_counter()

    def elapsed_seconds(self) -> float:
        """Return how long it has been."""
        return time.perf_counter() - self._started

    def count(self) -> bool:
        """Count an answer; tell whether another request is wanted."""
        self.finished += 1
        if self.finished < self._requests and self.elapsed_seconds() < self._seconds:
            return True
        if not self.done.done():
            self.done.set_result(None)
        return False


class _BusyConnection(_Connection):
    """Asks again as soon as it is answered."""

    def __init__(self, request: bytes, tally: _Tally) -> None:
        super().__init__(request)
        self._tally = tally

    def answered(self) -> None:
        """Count, and go on."""
        if self._tally.count():
            self.ask()

    def fail(self, error: Exception) -> None:
        """End the whole burst, unless it has ended already."""
        if not self._tally.done.done():
            self._tally.done.set_exception(error)


def is_complete(answer: bytes) -> bool:
    """Tell whether all of an answer is there."""
    end = answer.find(HEADERS_END)
    if end < 0:
        return False
    head = answer[:end].lower()
    at = head.find(LENGTH)
    if at < 0:
        return answer.endswith(LAST_CHUNK)
    line_end = head.find(b"\r\n", at + 2)
    length = int(head[at + len(LENGTH) : line_end if line_end >= 0 else end])
    return len(answer) >= end + len(HEADERS_END) + length


async def _burst(target: Target, connections: int, seconds: float, requests: int) -> Burst:
    loop = asyncio.get_running_loop()
    tally = _Tally(seconds=seconds, requests=requests)
    opened = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _BusyConnection(target.request, tally), "127.0.0.1", target.port
        )
        opened.append(connection)
    tally.begin()
    for connection in opened:
        connection.ask()
    try:
        await asyncio.wait_for(tally.done, seconds + GRACE_SECONDS)
        return Burst(tally.finished, tally.elapsed_seconds())
    finally:
        for connection in opened:
            connection.close()


async def _latencies(targets: Sequence[Target], requests: int, pause_seconds: float) -> list[list[float]]:
    loop = asyncio.get_running_loop()
    opened: list[_Connection] = []
    for target in targets:
        _, connection = await loop.create_connection(lambda: _Connection(target.request), "127.0.0.1", target.port)  # noqa: B023 - called at once
        opened.append(connection)
    taken: list[list[float]] = [[] for _ in targets]
    try:
        for _ in range(requests):
            for connection, seconds in zip(opened, taken, strict=True):
                seconds.append(await connection.once())
                await asyncio.sleep(pause_seconds)
    finally:
        for connection in opened:
            connection.close()
    return taken
