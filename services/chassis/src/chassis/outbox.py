"""Events as rows of the transaction that made the change.

``record`` (or an aggregate's ``events``) says what to tell; ``Writer`` puts it into the ``outbox`` table just before
the commit; a relay (``relay``) publishes what is there.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import context, driver, tables, tracing
from chassis.doorbell import Doorbell
from chassis.events import Message
from chassis.ids import uuid7
from chassis.manifest import event_type

if TYPE_CHECKING:
    from chassis.database import Database

Publish = Callable[[Any], Message | None]
"""Maps a domain event to what is told of it, or to None where it stays inside."""

CHANNEL = "outbox"
"""What a relay in another process listens on."""

FROM_THE_BEGINNING = "all"
"""What a notification says when old events are unsent again."""

MAX_EVENT_BYTES = 262_144
"""A broker refuses large messages (NATS: 1 MiB); refusing them here fails the request that made one, not the relay."""

_REPUBLISH_ROWS = 5000
_INSERT = """
    INSERT INTO outbox (id, type, subject, sequence, data, traceparent, occurred_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class EventTooLargeError(Exception):
    """An event is no place for a document: tell its id, and let who wants it ask. A mistake in the code."""


def record(session: AsyncSession, message: Message) -> None:
    """Tell ``message`` if and only if the session's transaction commits."""
    session.info.setdefault("messages", []).append(message)


class Writer:
    """Writes what a transaction has to tell, and wakes the relay once it is committed.

    A ``before_commit`` hook; ``announce`` is the ``after_commit`` hook beside it. A ring that gets lost costs a second:
    the relay looks that often.

    Args:
        service: Whose events they are.
        publish: Maps the events of the session's aggregates, which are collected and emptied.
    """

    def __init__(self, *, service: str, publish: Publish | None = None) -> None:
        self._service = service
        self._publish = publish
        self.bell = Doorbell(CHANNEL)

    async def __call__(self, session: AsyncSession) -> None:
        """Insert one row per message.

        Raises:
            EventTooLargeError: One has more than ``MAX_EVENT_BYTES``.
        """
        messages: list[Message] = session.info.pop("messages", [])
        messages += self._from_aggregates(session)
        if not messages:
            return
        with tracing.span("tell", "producer"):
            traceparent = context.current().traceparent
            rows = [_row(each, self._service, traceparent) for each in messages]
            if len(rows) == 1:
                await driver.execute(session, _INSERT, *rows[0])
            else:
                await driver.execute_many(session, _INSERT, rows)
        session.info["told"] = True

    def announce(self, session: AsyncSession) -> None:
        """Wake the relay if the transaction told anything."""
        if session.info.pop("told", False):
            self.bell.ring()

    def _from_aggregates(self, session: AsyncSession) -> list[Message]:
        if self._publish is None:
            return []
        happened: list[object] = []
        for aggregate in (*session.new, *session.identity_map.values()):
            if events := getattr(aggregate, "events", None):
                happened += events
                events.clear()
        return [message for each in happened if (message := self._publish(each)) is not None]


async def republish(database: "Database", since: datetime) -> int:
    """Have the relay publish again what was told since then, for a stream that was lost.

    Consumers ignore what they know: their inboxes keep ids for longer than sent events are kept.

    Returns:
        How many events that is.
    """
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    outbox = tables.outbox.c
    total = 0
    async with database.read() as connection:
        begun = await connection.scalar(select(func.clock_timestamp()))
        # The relay works meanwhile: without `begun`, what it has just sent again would be taken once more.
        lost = select(outbox.position).where(outbox.sent_at <= begun, outbox.occurred_at >= since)
        again = update(tables.outbox).where(outbox.position.in_(lost.limit(_REPUBLISH_ROWS))).values(sent_at=None)
        while count := (await connection.execute(again)).rowcount:
            total += count
        await connection.execute(text(f"NOTIFY {CHANNEL}, '{FROM_THE_BEGINNING}'"))
    return total


def _row(message: Message, service: str, traceparent: str | None) -> tuple[object, ...]:
    """Return the values of ``_INSERT``."""
    data = message.data
    written = data.model_dump_json()
    kind = event_type(service, data.name, data.version)
    if (size := len(written.encode())) > MAX_EVENT_BYTES:
        raise EventTooLargeError(f"{kind} has {size} bytes; {MAX_EVENT_BYTES} are allowed.")
    return (uuid7(), kind, message.subject, message.sequence, written, traceparent, datetime.now(UTC))
