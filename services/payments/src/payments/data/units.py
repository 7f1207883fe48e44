"""The unit of work on a database session: what payments did is booked, and remembered, with the change itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from chassis.database import Database
from payments.data.payments import SqlPaymentRepository
from payments.data.tables import webhook_signatures
from payments.domain.ledger import Entry
from payments.domain.payments import Payment
from payments.domain.ports import UnitOfWork

SIGNATURES_KEPT = timedelta(hours=1)

# On the driver, since every outcome and every webhook writes them.
_INSERT_ENTRY = "INSERT INTO journal_entries (id, order_id, step, booking, booked_at) VALUES ($1, $2, $3, $4, $5)"
_INSERT_LINE = """
    INSERT INTO journal_lines (entry_id, position, account, amount_minor, currency) VALUES ($1, $2, $3, $4, $5)
"""
_INSERT_CHANGE = """
    INSERT INTO payment_changes (order_id, version, state, held_minor, captured_minor, refunded_minor, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_INSERT_SIGNATURE = """
    INSERT INTO webhook_signatures (digest, received_at) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""


class SqlSignatures:
    """The ``Signatures`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, digest: bytes, now: datetime) -> bool:
        """Remember a signature; see the port. Of two at once, the second waits for the first."""
        return await driver.execute(self._session, _INSERT_SIGNATURE, digest, now) == "INSERT 0 1"


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.payments = SqlPaymentRepository(session)
        self.signatures = SqlSignatures(session)

    async def finish(self) -> None:
        """Write down what the payments of this unit booked, and what they are now."""
        await self._session.flush()
        for payment, version in self.payments.touched.values():
            for entry in payment.entries:
                await self._book(entry)
            payment.entries.clear()
            if payment.version != version:
                await driver.execute(self._session, _INSERT_CHANGE, *_change(payment))

    async def _book(self, entry: Entry) -> None:
        head = (entry.id, entry.order_id, entry.step, entry.booking, entry.booked_at)
        await driver.execute(self._session, _INSERT_ENTRY, *head)
        lines = [
            (entry.id, position, line.account, line.amount_minor, line.currency)
            for position, line in enumerate(entry.lines)
        ]
        await driver.execute_many(self._session, _INSERT_LINE, lines)


class SqlUnits:
    """Opens units of work on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """Open one; it commits at the end of the block."""
        async with self._database.transaction() as session:
            unit = SqlUnitOfWork(session)
            yield unit
            await unit.finish()


async def purge_signatures(database: Database) -> int:
    """Forget signatures that are stale anyway; return how many."""
    old = delete(webhook_signatures).where(webhook_signatures.c.received_at < func.now() - SIGNATURES_KEPT)
    async with database.read() as connection:
        return (await connection.execute(old)).rowcount


def _change(payment: Payment) -> tuple[object, ...]:
    """Return the values of ``_INSERT_CHANGE``."""
    return (
        payment.order_id,
        payment.version,
        payment.state,
        payment.held_minor,
        payment.captured_minor,
        payment.refunded_minor,
        payment.updated_at,
    )
