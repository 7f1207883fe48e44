"""The outbox-to-consumer row's other side: asyncpg insert, batched publish, one ``INSERT … ON CONFLICT`` a message.

The same three steps as ours, and the same promise of one effect per event, on the bare libraries: no envelope, no ORM,
no broker-side de-duplication. The relay is told by an ``asyncio.Event``, which costs nothing, and sends in batches.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import nats
import orjson
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

STREAM = "bench-theirs"
SUBJECT = "bench.theirs.thing-happened"
CONSUMER = "bench-theirs"
BATCH = 500
AT_ONCE = 10

TABLES = """
CREATE TABLE IF NOT EXISTS their_outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    data text NOT NULL,
    sent_at timestamptz
);
CREATE INDEX IF NOT EXISTS their_outbox_unsent ON their_outbox (position) WHERE sent_at IS NULL;
CREATE TABLE IF NOT EXISTS their_effects (event_id uuid PRIMARY KEY, data text NOT NULL);
"""


async def nothing_to_reset(_connection: object) -> None:
    """Give a connection back as it is, without asyncpg's round trip."""


async def open_pool(url: str) -> Pool:
    """Connect to the database and make the two tables where they are missing."""
    pool = await asyncpg.create_pool(url, min_size=AT_ONCE, max_size=AT_ONCE, reset=nothing_to_reset)
    await pool.execute(TABLES)
    return pool


async def open_stream(url: str) -> JetStreamContext:
    """Connect to the broker and make the stream where it is missing (files, as in ours)."""
    jetstream = (await nats.connect(url)).jetstream()
    await jetstream.add_stream(name=STREAM, subjects=[SUBJECT])
    return jetstream


class Producer:
    """Writes events as rows, and publishes those rows in the background."""

    def __init__(self, pool: Pool, jetstream: JetStreamContext) -> None:
        self._pool = pool
        self._jetstream = jetstream
        self._written = asyncio.Event()

    async def write(self, event_id: UUID, data: dict[str, Any]) -> None:
        """Store one event durably; the statement is its own transaction."""
        await self._pool.execute(
            "INSERT INTO their_outbox (id, data) VALUES ($1, $2)",
            event_id,
            orjson.dumps({"id": str(event_id), **data}).decode(),
        )
        self._written.set()

    async def relay(self) -> None:
        """Publish what is unsent, batch by batch, until cancelled."""
        while True:
            if not await self._send_batch():
                await self._written.wait()
            self._written.clear()

    async def _send_batch(self) -> int:
        rows = await self._pool.fetch(
            "SELECT position, data FROM their_outbox WHERE sent_at IS NULL ORDER BY position LIMIT $1", BATCH
        )
        if rows:
            acks = [await self._jetstream.publish_async(SUBJECT, row["data"].encode()) for row in rows]
            await asyncio.gather(*acks)
            await self._pool.execute(
                "UPDATE their_outbox SET sent_at = now() WHERE position = ANY($1::bigint[])",
                [row["position"] for row in rows],
            )
        return len(rows)


async def consume(pool: Pool, jetstream: JetStreamContext, done: Callable[[dict[str, Any]], None]) -> None:
    """Store the effect of each message once, ten at a time, and call ``done`` after each; runs until cancelled."""
    subscription = await jetstream.pull_subscribe(SUBJECT, durable=CONSUMER, stream=STREAM)
    slots = asyncio.Semaphore(AT_ONCE)

    async def handle(message: Msg) -> None:
        event = orjson.loads(message.data)
        await pool.execute(
            "INSERT INTO their_effects (event_id, data) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            UUID(event["id"]),
            message.data.decode(),
        )
        await message.ack()
        slots.release()
        done(event)

    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                messages = await subscription.fetch(BATCH, timeout=1)
            except TimeoutError:
                continue
            for message in messages:
                await slots.acquire()
                tasks.create_task(handle(message))


@asynccontextmanager
async def producing(database_url: str, broker_url: str) -> AsyncIterator[Callable[[UUID, float, str], Awaitable[None]]]:
    """Lend a function that stores one event, and publish what is stored."""
    producer = Producer(await open_pool(database_url), await open_stream(broker_url))

    async def write(event_id: UUID, at: float, text: str) -> None:
        await producer.write(event_id, {"at": at, "text": text})

    async with asyncio.TaskGroup() as tasks:
        relay = tasks.create_task(producer.relay())
        yield write
        relay.cancel()


@asynccontextmanager
async def consuming(database_url: str, broker_url: str, done: Callable[[float], None]) -> AsyncIterator[None]:
    """Store the effect of each event, and call ``done`` with its ``at`` once that is committed."""
    pool, jetstream = await open_pool(database_url), await open_stream(broker_url)
    async with asyncio.TaskGroup() as tasks:
        consumer = tasks.create_task(consume(pool, jetstream, lambda event: done(event["at"])))
        yield
        consumer.cancel()
