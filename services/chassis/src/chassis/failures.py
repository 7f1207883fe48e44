"""Events that could not be handled: stored, tried again after growing pauses, then dead until somebody replays them.

The broker is told that it may forget the event, so no event stands in another's way, and nothing is asked of the
broker that only some have.
"""

import base64
import random
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tables
from chassis.bus import Unreadable
from chassis.database import Database
from chassis.events import Envelope
from chassis.settings import RetrySettings

_ERROR_LENGTH = 2000
_RAW = "raw_base64"
"""The key under which a message is stored of which no JSON could be kept."""

_failed = tables.failed_messages.c


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up; ``type`` is empty where it could not be read."""

    id: int
    consumer: str
    event_id: UUID
    type: str
    attempts: int
    error: str
    failed_at: datetime
    envelope: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON knows, and UUIDs and instants."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to try one failed event once more; ``number`` counts the first delivery as 1."""

    id: int
    number: int
    raw: bytes


class Failures:
    """The failed events of one consumer."""

    def __init__(self, database: Database, consumer: str, settings: RetrySettings) -> None:
        self._database = database
        self._consumer = consumer
        self._settings = settings

    async def keep(self, envelope: Envelope, error: BaseException) -> None:
        """Store an event whose first handling failed; one that is stored already keeps its pauses.

        Raises:
            DatabaseAwayError: It could not be stored: the broker must keep it.
        """
        due = func.now() + self._pause(1) if self._settings.attempts > 1 else None
        await self._store(envelope.id, _document(envelope.to_json()), 1, describe(error), due)

    async def keep_unreadable(self, message: Unreadable) -> None:
        """Store, dead from the start, what is no event."""
        identity = uuid5(NAMESPACE_OID, base64.b64encode(message.raw).decode())
        await self._store(identity, _undocumented(message.raw), 0, message.error, None)

    async def _store(self, event_id: UUID, document: dict[str, Any], attempts: int, error: str, due: Any) -> None:
        statement = insert(tables.failed_messages).values(
            consumer=self._consumer,
            event_id=event_id,
            envelope=document,
            attempts=attempts,
            error=error,
            next_attempt_at=due,
        )
        repeated = statement.on_conflict_do_update(
            index_elements=[_failed.consumer, _failed.event_id],
            set_={"error": statement.excluded.error, "failed_at": func.now()},
        )
        async with self._database.read() as connection:
            await connection.execute(repeated)

    async def claim(self, lease_seconds: float) -> Attempt | None:
        """Take the event that is due for longest, counting the attempt before it begins.

        So an event that kills its process is not tried for ever, and another replica has it after ``lease_seconds``.
        """
        due = select(_failed.id).where(_failed.consumer == self._consumer, _failed.next_attempt_at <= func.now())
        oldest = due.order_by(_failed.next_attempt_at).limit(1).with_for_update(skip_locked=True)
        claim = (
            update(tables.failed_messages)
            .where(_failed.id == oldest.scalar_subquery())
            .values(attempts=_failed.attempts + 1, next_attempt_at=func.now() + _seconds(lease_seconds))
            .returning(_failed.id, _failed.attempts, _failed.envelope)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(claim)).one_or_none()
        return Attempt(row.id, row.attempts, _raw(row.envelope)) if row else None

    def is_last(self, attempt: Attempt) -> bool:
        """Tell whether another failure is the end."""
        return attempt.number >= self._settings.attempts

    def is_beyond(self, attempt: Attempt) -> bool:
        """Tell whether it is one too many: the last one never came to an end."""
        return attempt.number > self._settings.attempts

    async def postpone(self, attempt: Attempt, error: BaseException) -> None:
        """Note that the attempt failed: the event waits for the next one, or is dead."""
        due = None if self.is_last(attempt) else func.now() + self._pause(attempt.number)
        await self._update(attempt, error=describe(error), failed_at=func.now(), next_attempt_at=due)

    async def _update(self, attempt: Attempt, **values: Any) -> None:
        # Another replica may have taken over after the lease: then its word counts.
        mine = and_(_failed.id == attempt.id, _failed.attempts == attempt.number)
        async with self._database.read() as connection:
            await connection.execute(update(tables.failed_messages).where(mine).values(**values))

    def _pause(self, attempts: int) -> Any:
        """Return an interval: full jitter, so that what failed together does not come back together."""
        settings = self._settings
        longest = min(settings.longest_pause_seconds, settings.first_pause_seconds * settings.growth ** (attempts - 1))
        return _seconds(random.uniform(0, longest))  # noqa: S311 - jitter


async def forget(session: AsyncSession, attempt: Attempt) -> None:
    """Remove an event in the transaction of its effect."""
    await session.execute(tables.failed_messages.delete().where(_failed.id == attempt.id))


async def dead_letters(database: Database, *, limit: int = 1000) -> list[DeadLetter]:
    """Return the events that were given up, oldest failure first."""
    dead = select(tables.failed_messages).where(_failed.next_attempt_at.is_(None))
    async with database.read() as connection:
        rows = (await connection.execute(dead.order_by(_failed.failed_at, _failed.id).limit(limit))).all()
    return [
        DeadLetter(
            id=row.id,
            consumer=row.consumer,
            event_id=row.event_id,
            type=row.envelope.get("type", ""),
            attempts=row.attempts,
            error=row.error,
            failed_at=row.failed_at,
            envelope=row.envelope,
        )
        for row in rows
    ]


async def replay(database: Database, ids: list[int] | None = None) -> int:
    """Let dead events be tried again from the first attempt, those of ``ids`` or all; the running service does it.

    Returns:
        How many there are.
    """
    dead = _failed.next_attempt_at.is_(None)
    chosen = dead if ids is None else and_(dead, _failed.id.in_(ids))
    revive = update(tables.failed_messages).where(chosen).values(attempts=0, next_attempt_at=func.now())
    async with database.read() as connection:
        return (await connection.execute(revive)).rowcount


def describe(error: BaseException) -> str:
    """Return an error's kind and sentence, short enough for a column and without what PostgreSQL cannot store."""
    return f"{type(error).__name__}: {error}".replace("\0", "")[:_ERROR_LENGTH]


def _document(raw: bytes) -> dict[str, Any]:
    """Return the envelope as JSON for people to read; PostgreSQL's JSON cannot hold the character U+0000."""
    if rb"\u0000" in raw:
        return _undocumented(raw)
    document: dict[str, Any] = orjson.loads(raw)
    return document


def _undocumented(raw: bytes) -> dict[str, Any]:
    return {_RAW: base64.b64encode(raw).decode()}


def _raw(document: dict[str, Any]) -> bytes:
    if _RAW in document:
        return base64.b64decode(document[_RAW])
    return orjson.dumps(document)


def _seconds(seconds: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
