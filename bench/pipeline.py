"""One end of the outbox-to-consumer row as a process of its own: ``python -m bench.pipeline SIDE ROLE``.

``SIDE`` is ``ours`` or ``theirs``, ``ROLE`` is ``produce`` or ``consume``. Where the servers are, and the unix socket
on which the process takes its orders, comes from the environment. An order is a line and so is its answer:

- producer: ``write COUNT PAUSE_SECONDS`` stores events, ten at a time without a pause, one at a time with one → ``[]``
- consumer: ``expect COUNT`` → ``[]``; ``wait`` → once so many effects are stored, the seconds from writing to effect
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID, uuid4

import uvloop
from bench.ours import events as ours
from bench.theirs import events as theirs
from pydantic import SecretStr

from chassis.settings import BrokerSettings, DatabaseSettings

AT_ONCE = 10
TEXT = "x" * 100

Write = Callable[[UUID, float, str], Awaitable[None]]
Order = Callable[[list[str]], Awaitable[list[float]]]


class Effects:
    """Collects how long events took, for whoever waits for a number of them."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._expected = 0
        self._reached = asyncio.Event()

    def done(self, at: float) -> None:
        """Take in one effect."""
        self._seconds.append(time.monotonic() - at)
        if len(self._seconds) == self._expected:
            self._reached.set()

    async def obey(self, words: list[str]) -> list[float]:
        """Begin to expect ``words[1]`` effects, or wait for them."""
        if words[0] == "expect":
            self._seconds, self._expected = [], int(words[1])
            self._reached.clear()
            return []
        await self._reached.wait()
        return self._seconds


async def write_events(write: Write, words: list[str]) -> list[float]:
    """Store ``words[1]`` events with pauses of ``words[2]`` seconds."""
    count, pause = int(words[1]), float(words[2])
    numbers = iter(range(count))

    async def writer() -> None:
        for _ in numbers:
            await write(uuid4(), time.monotonic(), TEXT)
            if pause:
                await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(1 if pause else AT_ONCE):
            tasks.create_task(writer())
    return []


@asynccontextmanager
async def producer(side: str) -> AsyncIterator[Order]:
    """Lend what a side's producer does on an order."""
    database, broker = os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_BROKER_URL"]
    opened: AbstractAsyncContextManager[Write] = (
        ours.producing(_settings(database, broker)) if side == "ours" else theirs.producing(database, broker)
    )
    async with opened as write:
        yield lambda words: write_events(write, words)


@asynccontextmanager
async def consumer(side: str) -> AsyncIterator[Order]:
    """Lend what a side's consumer does on an order."""
    database, broker = os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_BROKER_URL"]
    effects = Effects()
    opened = (
        ours.consuming(_settings(database, broker), effects.done)
        if side == "ours"
        else theirs.consuming(database, broker, effects.done)
    )
    async with opened:
        yield effects.obey


def _settings(database: str, broker: str) -> ours.Settings:
    url = SecretStr(database.replace("postgresql://", "postgresql+asyncpg://", 1))
    return ours.Settings(
        environment="production",
        database=DatabaseSettings(url=url, pool_size=AT_ONCE),
        broker=BrokerSettings(url=broker),
    )


async def main(side: str, role: str) -> None:
    """Open the side's end and obey until killed."""
    async with (producer if role == "produce" else consumer)(side) as order:

        async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                answer = await order(line.decode().split())
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(obey, os.environ["BENCH_SOCKET"])
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2]))
