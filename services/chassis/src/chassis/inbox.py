"""The inbox: an event's id is recorded in the transaction of its effect, so effects happen once.

A handler gets the open session and the event, and changes what it has to; a peer is asked before, never within.
Events come at least once and in any order: what is older than what is held, the handler ignores by ``sequence``.
"""

import asyncio
import time
from functools import cache, partial
from typing import Protocol

from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver, failures, logs
from chassis.bus import Consumer, EventBus, Unreadable, deliver
from chassis.database import Database
from chassis.errors import UnavailableError
from chassis.events import Envelope
from chassis.failures import Attempt, Failures
from chassis.metrics import BUCKETS
from chassis.settings import RetrySettings

_HANDLE_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_RECORD = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"

_handled = Counter("tradewind_consumer_handled_total", "Events whose effect is committed.", ("consumer", "type"))
_repeated = Counter("tradewind_consumer_repeated_total", "Events that were known already.", ("consumer", "type"))
_failed = Counter("tradewind_consumer_failed_total", "Attempts to handle an event that failed.", ("consumer", "type"))
_dead = Counter("tradewind_consumer_dead_total", "Events that were given up.", ("consumer",))
_seconds = Histogram("tradewind_consumer_duration_seconds", "Time to handle one event.", ("consumer",), buckets=BUCKETS)


class Handler(Protocol):
    """What a service does about an event, within the transaction that also records it."""

    async def __call__(self, session: AsyncSession, envelope: Envelope, /) -> None:
        """Make the event's effect; raise to have it tried again later."""
        ...


class Inbox:
    """What one consumer of a service does with its events.

    Args:
        database: The service's own.
        consumer: The durable name, unique within the service.
        handler: Makes the effect.
        retries: How often and after which pauses a failed event is tried.
        handle_seconds: After which a handler is given up for this time.
    """

    def __init__(
        self,
        database: Database,
        consumer: str,
        handler: Handler,
        *,
        retries: RetrySettings | None = None,
        handle_seconds: float = _HANDLE_SECONDS,
    ) -> None:
        self._database = database
        self._consumer = consumer
        self._handler = handler
        self._handle_seconds = handle_seconds
        self._failures = Failures(database, consumer, retries or RetrySettings())
        self._log = logs.get("consumer").bind(consumer=consumer)
        self._handled, self._repeated, self._failed = (
            cache(partial(counter.labels, consumer)) for counter in (_handled, _repeated, _failed)
        )
        self._seconds = _seconds.labels(consumer)

    async def consume(self, bus: EventBus, consumer: Consumer) -> None:
        """Take events from the bus until cancelled."""
        await bus.consume(consumer, self.handle, self.refuse)

    async def handle(self, envelope: Envelope) -> None:
        """Handle one event once; store it for later where that fails.

        Raises:
            DatabaseAwayError: It could be neither handled nor stored: the broker must keep it.
        """
        try:
            await self._effect(envelope, None)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the event is kept
            self._failed(envelope.type).inc()
            await self._failures.keep(envelope, error)
            self._log.warning("event failed", **_identity(envelope), attempt=1, error=failures.describe(error))

    async def refuse(self, message: Unreadable) -> None:
        """Keep what nobody can read as a dead letter."""
        await self._failures.keep_unreadable(message)
        _dead.labels(self._consumer).inc()
        self._log.error("unreadable message is dead", error=message.error, bytes=len(message.raw))

    async def retry(self) -> None:
        """Try what failed again when it is due, until cancelled."""
        while True:
            try:
                attempt = await self._failures.claim(lease_seconds=self._handle_seconds * 2)
                if attempt is not None:
                    await self._retry(attempt)
                    continue
            except UnavailableError as error:
                self._log.warning("retries wait", error=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _retry(self, attempt: Attempt) -> None:
        if self._failures.is_beyond(attempt):
            await self._postpone(attempt, RuntimeError("The process ended in the middle of the last attempt."))
            return

        async def again(envelope: Envelope) -> None:
            try:
                await self._effect(envelope, attempt)
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the event is kept
                self._failed(envelope.type).inc()
                await self._postpone(attempt, error, **_identity(envelope))

        async def unreadable(message: Unreadable) -> None:
            await self._postpone(attempt, ValueError(message.error))

        await deliver(attempt.raw, again, unreadable)

    async def _postpone(self, attempt: Attempt, error: Exception, **identity: str) -> None:
        await self._failures.postpone(attempt, error)
        described = failures.describe(error)
        if self._failures.is_last(attempt):
            _dead.labels(self._consumer).inc()
            self._log.error("event is dead", **identity, attempt=attempt.number, error=described)
        else:
            self._log.warning("event failed", **identity, attempt=attempt.number, error=described)

    async def _effect(self, envelope: Envelope, attempt: Attempt | None) -> None:
        """Record the event and make its effect in one transaction; leave one line for whoever follows its trace."""
        started = time.perf_counter()
        async with asyncio.timeout(self._handle_seconds), self._database.transaction() as session:
            known = not await self._record(session, envelope)
            if not known:
                await self._handler(session, envelope)
            if attempt is not None:
                await failures.forget(session, attempt)
        seconds = time.perf_counter() - started
        (self._repeated if known else self._handled)(envelope.type).inc()
        self._seconds.observe(seconds)
        line = "event known already" if known else "event handled"
        self._log.info(line, **_identity(envelope), duration_ms=round(seconds * 1000, 2))

    async def _record(self, session: AsyncSession, envelope: Envelope) -> bool:
        """Return whether the event is new; a second delivery at the same time waits here for the first's commit."""
        return await driver.execute(session, _RECORD, self._consumer, envelope.id) == "INSERT 0 1"


def _identity(envelope: Envelope) -> dict[str, str]:
    return {"event_type": envelope.type, "event_id": str(envelope.id), "subject": envelope.subject}
