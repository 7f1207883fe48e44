"""The relay: publishes what lies in the outbox, after any crash.

One per service is active, by an advisory lock on a connection of its own; the others wait for the lock. When the
holder's process dies, PostgreSQL sees its connection close and frees the lock at once; when its node vanishes, after
ten seconds of unanswered keepalives. Two active relays would be harmless: the broker drops most duplicates, the
consumers' inboxes the rest.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any, ClassVar

import orjson
from prometheus_client import Counter, Gauge

from chassis import logs
from chassis.bus import EventBus, PublishError
from chassis.database import DATABASE_ERRORS, Database, lock_key
from chassis.errors import UnavailableError
from chassis.events import Envelope
from chassis.outbox import CHANNEL, FROM_THE_BEGINNING, Writer

_BATCH = 500
_LOOK_SECONDS = 1.0
_GATHER_SECONDS = 0.01
"""Batches begin so far apart unless they are full: one for ten events costs little more than one for one."""
_STANDBY_SECONDS = 0.4
_MEASURE_SECONDS = 5.0
_STANDBY_MEASURE_SECONDS = 30.0
_STATEMENT_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 2.0
_COUNTED = 100_000

_FETCH = """
    SELECT position, id, type, subject, sequence, data::text AS data, traceparent, occurred_at
    FROM outbox WHERE sent_at IS NULL AND position > $2 ORDER BY position LIMIT $1
"""
_MARK = "UPDATE outbox SET sent_at = now() WHERE position = ANY($1::bigint[])"
_MEASURE = """
    SELECT count(*), coalesce(greatest(extract(epoch FROM now() - min(occurred_at)), 0), 0)::float8
    FROM (
        SELECT occurred_at FROM outbox WHERE sent_at IS NULL AND position > $2 ORDER BY position LIMIT $1
    ) AS waiting
"""

_published = Counter("tradewind_outbox_published_total", "Events that the broker has acknowledged.")
_unsent = Gauge(
    "tradewind_outbox_unsent", f"Events not published yet, counted up to {_COUNTED}.", multiprocess_mode="livemax"
)
_oldest = Gauge(
    "tradewind_outbox_oldest_seconds", "Age of the oldest event not published yet.", multiprocess_mode="livemax"
)


class Floor:
    """The position above which the relay looks for unsent events.

    A sent event stays in the index of unsent ones until VACUUM comes by, so looking from the beginning would take
    longer with every event: 75 ms after 400,000. But an event may still appear below others that are sent, when its
    transaction took long to commit. So the floor is what had been sent ``SECONDS`` to twice as long ago, and once in
    ``SECONDS`` the relay looks from the beginning all the same.
    """

    SECONDS: ClassVar[float] = 30.0

    def __init__(self) -> None:
        self.position = 0
        self._next = 0
        self._highest = 0
        self._due_at = float("-inf")

    def sent(self, position: int) -> None:
        """Take in that the event at ``position`` is sent."""
        self._highest = max(self._highest, position)

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to look from the beginning."""
        return now >= self._due_at

    def look_from(self, now: float) -> int:
        """Return where to look; ``now`` is a reading of a clock that never goes back, in seconds."""
        if not self.is_due(now):
            return self.position
        self.position, self._next = self._next, self._highest
        self._due_at = now + self.SECONDS
        return 0


class Relay:
    """One process's candidate for being the active relay of its service.

    Args:
        database: Whose outbox it is.
        bus: Where events go.
        writer: Wakes this relay when it is in the same process; without it the relay relies on NOTIFY.
        batch: How many events are read, published and marked at once.
    """

    def __init__(self, database: Database, bus: EventBus, writer: Writer, *, batch: int = _BATCH) -> None:
        self._database = database
        self._bus = bus
        self._writer = writer
        self._batch = batch
        self._woken = asyncio.Event()
        self._log = logs.get("relay")
        self._measured_at = float("-inf")
        self._floor = Floor()

    async def run(self) -> None:
        """Wait for the lock and publish, until cancelled; a lost connection is made again."""
        pause = 0.1
        while True:
            try:
                async with self._database.direct_session("relay") as session:
                    pause = 0.1
                    await self._lead(session)
            except (OSError, *DATABASE_ERRORS, UnavailableError) as error:
                self._log.warning("relay lost its database", error=repr(error))
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads replicas, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _lead(self, session: Any) -> None:
        key = lock_key(f"relay:{self._database.service}")
        # Asked again and again, because waiting within pg_advisory_lock would hold a snapshot, and so hold up VACUUM.
        while not await session.fetchval("SELECT pg_try_advisory_lock($1)", key, timeout=_STATEMENT_SECONDS):
            await self._measure(session, every_seconds=_STANDBY_MEASURE_SECONDS)
            await asyncio.sleep(_STANDBY_SECONDS)
        self._log.info("relay is active")
        self._floor = Floor()
        await session.add_listener(CHANNEL, self._listen)
        with self._writer.bell.answered(self._woken.set):
            await self._publish_all(session)

    def _listen(self, _session: object, _pid: int, _channel: str, payload: str) -> None:
        if payload == FROM_THE_BEGINNING:
            self._floor = Floor()
        self._woken.set()

    async def _publish_all(self, session: Any) -> None:
        clock = asyncio.get_running_loop()
        pause, complaint, last = 0.1, "", None
        while True:
            begun = clock.time()
            self._woken.clear()
            await self._measure(session, every_seconds=_MEASURE_SECONDS)
            # In a long queue the next batch follows the one before; what appears behind it is found afterwards.
            above = self._floor.look_from(begun) if last is None or self._floor.is_due(begun) else last
            try:
                last = await self._publish_batch(session, above)
            except PublishError as error:
                if complaint != (complaint := str(error)):
                    self._log.warning("outbox waits", error=complaint)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                last = None
                continue
            pause, complaint = 0.1, ""
            if last is None:
                await self._rest(begun)

    async def _rest(self, begun: float) -> None:
        """Wait for something to do, and for what is about to be there with it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._woken.wait()
        if (gather := begun + _GATHER_SECONDS - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(gather)

    async def _publish_batch(self, session: Any, above: int) -> int | None:
        """Publish the oldest unsent events above a position and mark those that are durable.

        Returns:
            The last one's position, or None if the batch was not full.
        """
        rows = await session.fetch(_FETCH, self._batch, above, timeout=_STATEMENT_SECONDS)
        if not rows:
            return None
        try:
            await self._bus.publish([self._envelope(row) for row in rows])
        except PublishError as error:
            await self._mark(session, [row["position"] for row in rows if row["id"] in error.taken])
            raise
        await self._mark(session, [row["position"] for row in rows])
        last: int = rows[-1]["position"]
        self._floor.sent(last)
        return last if len(rows) == self._batch else None

    async def _mark(self, session: Any, positions: list[int]) -> None:
        if positions:
            await session.execute(_MARK, positions, timeout=_STATEMENT_SECONDS)
            _published.inc(len(positions))

    def _envelope(self, row: Any) -> Envelope:
        return Envelope(
            id=row["id"],
            type=row["type"],
            source=f"/{self._database.service}",
            subject=row["subject"],
            data=orjson.loads(row["data"]),
            time=row["occurred_at"],
            sequence=row["sequence"],
            traceparent=row["traceparent"],
        )

    async def _measure(self, session: Any, *, every_seconds: float) -> None:
        """Refresh the gauges now and then; every candidate does, so that they are there when no relay is active."""
        now = asyncio.get_running_loop().time()
        if now - self._measured_at < every_seconds:
            return
        self._measured_at = now
        count, oldest = await session.fetchrow(_MEASURE, _COUNTED, self._floor.position, timeout=_STATEMENT_SECONDS)
        _unsent.set(count)
        _oldest.set(oldest)
