"""Stock, ledger and reservations as rows, read without entities and without a transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, func, select

from chassis.database import Database
from chassis.keyset import read_page
from inventory.data.tables import adjustments, reservation_lines, reservations, stock, warehouses
from inventory.domain.ports import LedgerFilter, StockFilter
from inventory.domain.stock import Adjustment
from inventory.domain.views import LineView, ReservationView, StockView
from inventory.domain.warehouses import Warehouse

_stock = select(*(stock.c[name] for name in StockView._fields))
_reservation = select(
    *(reservations.c[name] for name in ("order_id", "state", "expires_at", "changed_at")),
    *(reservation_lines.c[name] for name in LineView._fields),
).select_from(reservations.outerjoin(reservation_lines))


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
        matching = _stock.where(*_conditions(stock, criteria))
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


def _conditions(table: Table, criteria: LedgerFilter | StockFilter) -> list[ColumnElement[bool]]:
    named = ((name, getattr(criteria, name)) for name in criteria.__slots__)
    return [table.c[name] == value for name, value in named if value is not None]
