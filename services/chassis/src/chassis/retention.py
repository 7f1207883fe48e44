"""How long the chassis' tables keep what they hold, and the jobs that see to it.

Every one deletes in small batches, each its own transaction, so that no lock is held for long and a job that is cut
short has still done something.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, tuple_

from chassis import tables
from chassis.database import Database

OUTBOX = timedelta(days=7)
"""After sending: as long as a stream keeps events, so that a lost stream can be published again in full."""

INBOX = timedelta(days=15)
"""An event that is published again after seven days may lie seven more in a stream; it has to be known still."""

DEAD_LETTERS = timedelta(days=30)
IDEMPOTENCY_KEYS = timedelta(hours=24)

BATCH = 2000


async def purge_outbox(database: Database, *, older_than: timedelta = OUTBOX) -> int:
    """Delete events that were sent so long ago; what is unsent stays."""
    return await _purge(database, tables.outbox, tables.outbox.c.sent_at < func.now() - older_than)


async def purge_inbox(database: Database, *, older_than: timedelta = INBOX) -> int:
    """Delete the ids of events that were handled so long ago."""
    return await _purge(database, tables.inbox, tables.inbox.c.received_at < func.now() - older_than)


async def purge_dead_letters(database: Database, *, older_than: timedelta = DEAD_LETTERS) -> int:
    """Delete dead events whose last failure is so long ago; what waits for a retry stays."""
    failed = tables.failed_messages.c
    old = and_(failed.next_attempt_at.is_(None), failed.failed_at < func.now() - older_than)
    return await _purge(database, tables.failed_messages, old)


async def purge_idempotency_keys(database: Database, *, older_than: timedelta = IDEMPOTENCY_KEYS) -> int:
    """Delete keys that were used so long ago."""
    keys = tables.idempotency_keys
    return await _purge(database, keys, keys.c.created_at < func.now() - older_than)


PURGES: dict[str, Callable[[Database], Awaitable[int]]] = {
    "purge-outbox": purge_outbox,
    "purge-inbox": purge_inbox,
    "purge-dead-letters": purge_dead_letters,
    "purge-idempotency-keys": purge_idempotency_keys,
}
"""Every job of this module by the name of its schedule; once an hour is often enough."""


async def _purge(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    """Delete what is ``old``; return how many rows that was."""
    key = tuple_(*table.primary_key.columns)
    batch = delete(table).where(key.in_(select(*table.primary_key.columns).where(old).limit(BATCH)))
    total = 0
    async with database.read() as connection:
        while count := (await connection.execute(batch)).rowcount:
            total += count
    return total
