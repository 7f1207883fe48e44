"""Payments and the ledger as rows, read without entities and without a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, true

from chassis.database import Database
from chassis.keyset import read_page, within
from chassis.lookups import Lookup
from chassis.spans import Span
from payments.data.tables import journal_entries, journal_lines, payment_changes, payments, steps
from payments.domain.ledger import Line
from payments.domain.views import BalanceView, EntryView, PaymentView, PendingView

_payments = select(*(payments.c[name] for name in PaymentView._fields))
_payment = Lookup(_payments.where(payments.c.order_id == bindparam("order_id")))
_changing = {"version", "state", "held_minor", "captured_minor", "refunded_minor", "updated_at"}


class SqlPaymentDirectory:
    """The ``PaymentDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, order_id: UUID) -> PaymentView | None:
        """Return the payment or None; see the port."""
        row = await _payment.row(self._database, order_id=order_id)
        return None if row is None else PaymentView._make(row)

    async def find_as_of(
        self, as_of: datetime | None, orders: Span[UUID], *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[PaymentView]:
        """Return a page of payments; see the port."""
        statement = _payments if as_of is None else _then(as_of)
        statement = statement.where(within(payments.c.order_id, orders))
        page = read_page(statement, payments.c.order_id, after=after, limit=limit)
        async with self._database.read() as connection:
            return [PaymentView._make(row) for row in await connection.execute(page)]

    async def find_entries(
        self, *, order_id: UUID | None, account: str | None, after: tuple[UUID] | None, limit: int
    ) -> Sequence[EntryView]:
        """Return a page of entries; see the port. Ids grow with time (UUID version 7)."""
        entries = journal_entries.c
        statement = select(entries.id, entries.order_id, entries.step, entries.booking, entries.booked_at)
        if order_id is not None:
            statement = statement.where(entries.order_id == order_id)
        if account is not None:
            on_it = select(journal_lines.c.entry_id).where(journal_lines.c.account == account)
            statement = statement.where(entries.id.in_(on_it))
        page = read_page(statement, entries.id, after=after, limit=limit)
        async with self._database.read() as connection:
            heads = (await connection.execute(page)).all()
            lines = await connection.execute(
                select(journal_lines)
                .where(journal_lines.c.entry_id.in_([each.id for each in heads]))
                .order_by(journal_lines.c.entry_id, journal_lines.c.position)
            )
            found: dict[UUID, list[Line]] = {}
            for line in lines:
                found.setdefault(line.entry_id, []).append(Line(line.account, line.amount_minor, line.currency))
        return [EntryView(*head, lines=tuple(found[head.id])) for head in heads]

    async def balances(self, as_of: datetime | None) -> Sequence[BalanceView]:
        """Return the balances; see the port."""
        lines = journal_lines.c
        debit = func.coalesce(func.sum(lines.amount_minor).filter(lines.amount_minor > 0), 0)
        credit = func.coalesce(func.sum(-lines.amount_minor).filter(lines.amount_minor < 0), 0)
        statement = select(lines.account, lines.currency, debit, credit).group_by(lines.account, lines.currency)
        if as_of is not None:
            by_then = select(journal_entries.c.id).where(journal_entries.c.booked_at <= as_of)
            statement = statement.where(lines.entry_id.in_(by_then))
        async with self._database.read() as connection:
            rows = (await connection.execute(statement.order_by(lines.account, lines.currency))).all()
        return [BalanceView(row[0], row[1], int(row[2]), int(row[3]), int(row[2] - row[3])) for row in rows]

    async def pending(self, now: datetime) -> Sequence[PendingView]:
        """Count pending steps; see the port."""
        oldest = func.greatest(func.extract("epoch", now - func.min(steps.c.begun_at)), 0)
        counted = select(steps.c.kind, func.count(), oldest).where(steps.c.due_at.is_not(None)).group_by(steps.c.kind)
        async with self._database.read() as connection:
            return [PendingView(row[0], row[1], float(row[2])) for row in await connection.execute(counted)]


def _then(as_of: datetime) -> Any:
    """Select payments as they were: what changes comes from the last change until then."""
    change = (
        select(payment_changes)
        .where(payment_changes.c.order_id == payments.c.order_id, payment_changes.c.updated_at <= as_of)
        .order_by(payment_changes.c.version.desc())
        .limit(1)
        .lateral("change")
    )
    columns = [change.c[name] if name in _changing else payments.c[name] for name in PaymentView._fields]
    return select(*columns).select_from(payments.join(change, true()))
