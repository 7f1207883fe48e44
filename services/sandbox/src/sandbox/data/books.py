"""The provider's books in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, lock_key
from chassis.ids import uuid7
from chassis.keyset import read_page, within
from chassis.spans import Span
from sandbox.data.tables import deliveries, knocks, operations
from sandbox.domain.operations import Instruction, Kind, Operation, State
from sandbox.domain.ports import Books, Delivery


class SqlBooks:
    """The ``Books`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, authorisation: str) -> Sequence[Operation]:
        """Return an authorisation's operations, locked; see the port. It may have none yet, so a name is locked."""
        await self._session.execute(select(func.pg_advisory_xact_lock(lock_key(f"authorisation {authorisation}"))))
        found = await self._session.execute(
            select(operations)
            .where(operations.c.authorisation == authorisation)
            .order_by(operations.c.created_at, operations.c.reference)
        )
        return [_operation(row) for row in found]

    async def find(self, reference: str) -> Operation | None:
        """Return the operation or None; see the port."""
        found = await self._session.execute(select(operations).where(operations.c.reference == reference))
        row = found.one_or_none()
        return None if row is None else _operation(row)

    async def add(self, operation: Operation) -> None:
        """Write an operation down."""
        values = {
            **asdict(operation.instruction),
            "outcome": operation.outcome,
            "code": operation.code,
            "created_at": operation.created_at,
            "settled_at": operation.settled_at,
            "provider_reference": operation.provider_reference,
        }
        await self._session.execute(insert(operations).values(values))

    async def knock(self, reference: str) -> int:
        """Count a knock; see the port."""
        row = insert(knocks).values(reference=reference, count=1, first_at=func.now())
        counted = row.on_conflict_do_update(index_elements=["reference"], set_={"count": knocks.c.count + 1})
        return int((await self._session.execute(counted.returning(knocks.c.count))).scalar_one())

    async def report(self, operation: Operation, *, due_at: datetime) -> None:
        """Put a webhook in the queue."""
        values = {
            "id": uuid7(),
            "reference": operation.instruction.reference,
            "due_at": due_at,
            "attempts": 0,
            "fence": 0,
            "created_at": operation.created_at,
        }
        await self._session.execute(insert(deliveries).values(values))

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Take webhooks that are due; see the port."""
        due = select(deliveries.c.id).where(deliveries.c.due_at <= now).order_by(deliveries.c.due_at).limit(limit)
        claimed = (
            update(deliveries)
            .where(deliveries.c.id.in_(due.with_for_update(skip_locked=True)))
            .values(due_at=until, attempts=deliveries.c.attempts + 1, fence=deliveries.c.fence + 1)
            .returning(deliveries.c.id, deliveries.c.reference, deliveries.c.attempts, deliveries.c.fence)
        )
        rows = (await self._session.execute(claimed)).all()
        references = [row.reference for row in rows]
        found = await self._session.execute(select(operations).where(operations.c.reference.in_(references)))
        known = {row.reference: _operation(row) for row in found}
        return [Delivery(row.id, known[row.reference], row.attempts, row.fence) for row in rows]

    async def delivered(self, delivery: Delivery, *, now: datetime) -> None:
        """Note that a webhook arrived; whoever holds the lease, that is a fact."""
        sent = update(deliveries).where(deliveries.c.id == delivery.id)
        await self._session.execute(sent.values(due_at=None, sent_at=now))

    async def postpone(self, delivery: Delivery, *, due_at: datetime | None) -> None:
        """Try again later or never; see the port."""
        mine = (deliveries.c.id == delivery.id, deliveries.c.fence == delivery.fence, deliveries.c.sent_at.is_(None))
        await self._session.execute(update(deliveries).where(*mine).values(due_at=due_at))

    async def purge(self, *, before: datetime) -> int:
        """Forget what is old; see the port."""
        gone = 0
        for old in (
            delete(deliveries).where(deliveries.c.created_at < before),
            delete(knocks).where(knocks.c.first_at < before),
        ):
            found: Any = await self._session.execute(old)
            gone += found.rowcount
        return gone

    async def list(
        self, authorisations: Span[str], *, as_of: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Operation]:
        """Return a page; see the port."""
        settled = select(operations).where(
            operations.c.settled_at <= as_of, within(operations.c.authorisation, authorisations)
        )
        page = read_page(settled, operations.c.settled_at, operations.c.reference, after=after, limit=limit)
        return [_operation(row) for row in await self._session.execute(page)]

    async def waits(self, reference: str) -> bool:
        """Tell whether a webhook of this operation was not sent yet."""
        unsent = select(deliveries.c.id).where(deliveries.c.reference == reference, deliveries.c.due_at.is_not(None))
        return (await self._session.execute(unsent.limit(1))).first() is not None


class SqlUnits:
    """Opens units of work on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Books]:
        """Open one; it commits at the end of the block."""
        async with self._database.transaction() as session:
            yield SqlBooks(session)


def _operation(row: Any) -> Operation:
    instruction = Instruction(
        reference=row.reference,
        kind=Kind(row.kind),
        authorisation=row.authorisation,
        amount_minor=row.amount_minor,
        currency=row.currency,
        method=row.method,
        token=row.token,
    )
    return Operation(
        instruction,
        State(row.outcome),
        row.code,
        created_at=row.created_at,
        settled_at=row.settled_at,
        provider_reference=row.provider_reference,
    )
