"""Stock, ledger and reservations as rows, read without entities and without a transaction."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Select, Table, bindparam, func, select, true

from chassis.database import Database
from chassis.keyset import read_page, within
from chassis.spans import Span
from inventory.data.tables import (
    adjustments,
    intakes,
    reservation_lines,
    reservation_returns,
    reservation_transitions,
    reservations,
    stock,
    warehouses,
)
from inventory.domain.ports import LedgerFilter, StockFilter
from inventory.domain.reservations import State
from inventory.domain.stock import Adjustment, Intake
from inventory.domain.views import LineView, ReservationView, StockView
from inventory.domain.warehouses import Warehouse

_stock = select(*(stock.c[name] for name in StockView._fields))
_reservation = select(
    *(reservations.c[name] for name in ("order_id", "state", "expires_at", "changed_at")),
    *(reservation_lines.c[name] for name in LineView._fields),
).select_from(reservations.outerjoin(reservation_lines))


_step = reservation_transitions.c
_last = (
    select(_step.state, _step.at)
    .where(_step.order_id == reservations.c.order_id, _step.at <= bindparam("as_of"))
    .order_by(_step.version.desc())
    .limit(1)
    .lateral("step")
)
_stood = select(reservations.c.order_id, _last.c.state, _last.c.at, reservations.c.expires_at).select_from(
    reservations.join(_last, true())
)
_of_orders: BindParameter[list[UUID]] = bindparam("orders", expanding=True)
_lines = (
    select(reservation_lines)
    .where(reservation_lines.c.order_id.in_(_of_orders))
    .order_by(reservation_lines.c.order_id, reservation_lines.c.sku, reservation_lines.c.warehouse)
)
_back = reservation_returns.c
_returned = (
    select(_back.order_id, _back.sku, func.sum(_back.quantity).label("quantity"))
    .where(_back.order_id.in_(_of_orders), _back.created_at <= bindparam("as_of"))
    .group_by(_back.order_id, _back.sku)
)


class SqlStockDirectory:
    """The ``StockDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_reservation(self, order_id: UUID) -> ReservationView | None:
        """Return the order's reservation or None; see the port. A tombstone's only row has no line."""
        one = _reservation.where(reservations.c.order_id == order_id)
        rows = await self._rows(one.order_by(reservation_lines.c.sku, reservation_lines.c.warehouse))
        if not rows:
            return None
        lines = [LineView._make(row[4:]) for row in rows if row.sku is not None]
        first = rows[0]
        return ReservationView(first.order_id, first.state, first.expires_at, first.changed_at, lines)

    async def find_reservations(
        self, as_of: datetime, orders: Span[UUID], *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[ReservationView]:
        """Return a page of reservations as they stood; see the port. Lines never change but in what has returned."""
        wanted = _stood.where(within(reservations.c.order_id, orders))
        stood = read_page(wanted, reservations.c.order_id, after=after, limit=limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(stood, {"as_of": as_of})).all()
            found = [row.order_id for row in rows]
            lines = (await connection.execute(_lines, {"orders": found})).all()
            returns = (await connection.execute(_returned, {"orders": found, "as_of": as_of})).all()
        returned = Counter({(row.order_id, row.sku): int(row.quantity) for row in returns})
        shown: dict[UUID, list[LineView]] = {order_id: [] for order_id in found}
        for line in lines:
            back = min(line.quantity, returned[line.order_id, line.sku])
            returned[line.order_id, line.sku] -= back
            shown[line.order_id].append(LineView(line.sku, line.warehouse, line.quantity, back))
        return [_as_it_stood(row, shown[row.order_id]).at(as_of) for row in rows]

    async def find_intake(self, intake_id: UUID) -> Intake | None:
        """Return a delivery or None; see the port."""
        rows = await self._rows(select(intakes).where(intakes.c.id == intake_id))
        return Intake(**rows[0]._asdict()) if rows else None

    async def find_adjustment(self, adjustment_id: UUID) -> Adjustment | None:
        """Return an entry or None; see the port."""
        rows = await self._rows(select(adjustments).where(adjustments.c.id == adjustment_id))
        return Adjustment(**rows[0]._asdict()) if rows else None

    async def find_adjustments(
        self, criteria: LedgerFilter, *, after: tuple[UUID] | None, limit: int
    ) -> Sequence[Adjustment]:
        """Return a page of the ledger; see the port. Newer ids are greater (UUID version 7)."""
        matching = select(adjustments).where(*_conditions(adjustments, criteria))
        rows = await self._rows(read_page(matching, adjustments.c.id, after=after, limit=limit, descending=True))
        return [Adjustment(**row._asdict()) for row in rows]

    async def find_stock(
        self, criteria: StockFilter, *, after: tuple[str, str] | None, limit: int
    ) -> Sequence[StockView]:
        """Return a page of the stock; see the port."""
        matching = _stock.where(*_conditions(stock, replace(criteria, low=None)))
        if criteria.low:
            matching = matching.where(stock.c.on_hand - stock.c.reserved <= stock.c.low_at)
        rows = await self._rows(read_page(matching, stock.c.sku, stock.c.warehouse, after=after, limit=limit))
        return [StockView._make(row) for row in rows]

    async def find_available(self, skus: Collection[str]) -> Mapping[str, int]:
        """Return what can be promised of each SKU; see the port."""
        available = func.sum(stock.c.on_hand - stock.c.reserved)
        rows = await self._rows(select(stock.c.sku, available).where(stock.c.sku.in_(skus)).group_by(stock.c.sku))
        return {sku: int(quantity) for sku, quantity in rows}

    async def find_warehouse(self, code: str) -> Warehouse | None:
        """Return the warehouse or None; see the port."""
        rows = await self._rows(select(warehouses).where(warehouses.c.code == code))
        return Warehouse._make(rows[0]) if rows else None

    async def find_warehouses(self, *, after: tuple[str] | None, limit: int) -> Sequence[Warehouse]:
        """Return a page of the warehouses; see the port."""
        rows = await self._rows(read_page(select(warehouses), warehouses.c.code, after=after, limit=limit))
        return [Warehouse._make(row) for row in rows]

    async def _rows(self, statement: Select[Any]) -> Sequence[Any]:
        async with self._database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(statement)).all()
            return rows


def _as_it_stood(row: Any, lines: list[LineView]) -> ReservationView:
    """Show what a row of ``_stood`` says; later steps leave the time alone that was set while it was held."""
    expires_at = row.expires_at if row.state == State.HELD else None
    return ReservationView(row.order_id, State(row.state), expires_at, row.at, lines)


def _conditions(table: Table, criteria: LedgerFilter | StockFilter) -> list[ColumnElement[bool]]:
    named = ((name, getattr(criteria, name)) for name in criteria.__slots__)
    return [table.c[name] == value for name, value in named if value is not None]
