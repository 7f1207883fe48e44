"""Payments in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from chassis.money import Money
from payments.data import mapping  # noqa: F401 - Payment has to be mapped before it is loaded
from payments.data.tables import payments, steps
from payments.domain.methods import Method
from payments.domain.payments import Payment, PaymentNotFoundError
from payments.domain.steps import LEASE, StepKind, StepState, Task
from payments.domain.views import PaymentView

_IS_SETTLED = "SELECT FROM steps WHERE reference = $1 AND state <> $2"


class SqlPaymentRepository:
    """The ``PaymentRepository`` of one session. A payment's row stays locked until the transaction ends.

    Whoever needs both locks the payment before its steps. ``claim_due`` takes steps alone, and waits for nobody.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.touched: dict[UUID, tuple[Payment, int]] = {}
        """The payments of this unit, and the version each had in the beginning."""

    async def get(self, order_id: UUID) -> Payment:
        """Return the payment, locked; see the port."""
        found = await self._find(payments.c.order_id == order_id)
        if found is None:
            raise PaymentNotFoundError(order_id=str(order_id))
        return found

    async def get_or_add(self, order_id: UUID, *, provider: str, now: datetime) -> Payment:
        """Return the payment, locked; see the port.

        Most are new, so the row is inserted first. Where it is there already, or somebody else inserts it at this
        moment, whom we wait for, that changes nothing.
        """
        row = PaymentView.of(Payment(order_id, provider, now))._asdict()
        await self._session.execute(insert(payments).values(row).on_conflict_do_nothing())
        return await self.get(order_id)

    async def find_by_reference(self, reference: str) -> Payment | None:
        """Return the payment, locked, or None; see the port."""
        of_step = select(steps.c.order_id).where(steps.c.reference == reference).scalar_subquery()
        return await self._find(payments.c.order_id == of_step)

    async def is_settled(self, reference: str) -> bool:
        """Tell whether a step's outcome is known; see the port."""
        return bool(await driver.fetch(self._session, _IS_SETTLED, reference, StepState.PENDING))

    async def claim_due(self, now: datetime, limit: int) -> Sequence[Task]:
        """Take the leases of what is due; see the port."""
        due = select(steps.c.id).where(steps.c.due_at <= now).order_by(steps.c.due_at).limit(limit)
        claimed = (
            update(steps)
            .where(steps.c.id.in_(due.with_for_update(skip_locked=True)))
            .values(due_at=now + LEASE, attempts=steps.c.attempts + 1, fence=steps.c.fence + 1)
            .returning(*steps.c)
        )
        rows = (await self._session.execute(claimed)).all()
        orders = {row.order_id for row in rows}
        columns = (payments.c.order_id, payments.c.provider, payments.c.kind, payments.c.token)
        found = await self._session.execute(select(*columns).where(payments.c.order_id.in_(orders)))
        known = {row.order_id: row for row in found}
        return [_task(row, known[row.order_id]) for row in rows]

    async def postpone(self, task: Task, due_at: datetime) -> None:
        """Ask again later; see the port. A settled step is due never."""
        mine = (steps.c.id == task.step_id, steps.c.fence == task.fence, steps.c.due_at.is_not(None))
        await self._session.execute(update(steps).where(*mine).values(due_at=due_at))

    async def _find(self, which: ColumnElement[bool]) -> Payment | None:
        # Its steps follow in a query of their own: joined to it, they would be as they were before we got the lock.
        found = await self._session.scalars(select(Payment).where(which).with_for_update())
        payment = found.one_or_none()
        if payment is not None:
            self.touched.setdefault(payment.order_id, (payment, payment.version))
        return payment


def _task(row: Any, payment: Any) -> Task:
    return Task(
        step_id=row.id,
        order_id=row.order_id,
        provider=payment.provider,
        kind=row.kind,
        reference=row.reference,
        authorisation=f"{row.order_id}-{StepKind.AUTHORISE}",
        amount=Money(row.amount_minor, row.currency),
        method=Method(payment.kind, payment.token),
        attempt=row.attempts,
        fence=row.fence,
    )
