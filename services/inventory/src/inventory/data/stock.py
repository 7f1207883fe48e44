"""Stock and warehouses in PostgreSQL, within a unit of work; ``booking`` changes what is decided here."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import case, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import driver
from chassis.database import violated_constraint
from inventory.data.tables import intakes, stock, warehouses
from inventory.domain.stock import Adjustment, Intake, Level, Move, StockNotFoundError
from inventory.domain.views import StockView
from inventory.domain.warehouses import Warehouse, WarehouseNotFoundError

_ENTER = text(
    """
    INSERT INTO stock (sku, warehouse, on_hand, reserved, version)
    SELECT sku, warehouse, 0, 0, 0
    FROM unnest(CAST(:skus AS text[]), CAST(:warehouses AS text[])) AS entered (sku, warehouse)
    ORDER BY sku, warehouse
    ON CONFLICT DO NOTHING
    """
)

_LEVELS = "SELECT sku, warehouse, on_hand, reserved FROM stock WHERE sku = ANY($1::text[])"
_LOCK_LEVELS = f"{_LEVELS} ORDER BY sku, warehouse FOR NO KEY UPDATE"


class SqlStockRepository:
    """The ``StockRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_levels(self, skus: Collection[str], *, locked: bool) -> Sequence[Level]:
        """Return what there is; see the port. Locks are taken in the order of the keys, as everywhere."""
        rows = await driver.fetch(self._session, _LOCK_LEVELS if locked else _LEVELS, list(skus))
        found = [Level._make(row) for row in rows]
        if len({level.warehouse for level in found}) <= 1:
            return found
        rank = {row.code: (row.priority, row.code) for row in await self._session.execute(select(warehouses))}
        return sorted(found, key=lambda level: rank[level.warehouse])

    async def adjust(self, entries: Sequence[Adjustment]) -> None:
        """Have entries booked at the end; see the port. What was never in stock is entered with nothing first."""
        keys = {(entry.sku, entry.warehouse) for entry in entries}
        values = {"skus": [sku for sku, _ in keys], "warehouses": [warehouse for _, warehouse in keys]}
        try:
            await self._session.execute(_ENTER, values)
        except IntegrityError as error:
            if violated_constraint(error) == "stock_warehouse":
                raise WarehouseNotFoundError from error
            raise
        moves = self._session.info.setdefault("moves", [])
        moves += [Move(entry.sku, entry.warehouse, entry=entry) for entry in entries]

    async def take_in(self, intake: Intake, entries: Sequence[Adjustment]) -> None:
        """Have a delivery booked at the end; see the port."""
        await self.adjust(entries)
        await self._session.execute(insert(intakes).values(asdict(intake)))

    async def mark_low(self, sku: str, warehouse: str, low_at: int | None) -> StockView:
        """Say what counts as low; see the port."""
        mark = update(stock).where(stock.c.sku == sku, stock.c.warehouse == warehouse).values(low_at=low_at)
        shown = [stock.c[name] for name in StockView._fields]
        row = (await self._session.execute(mark.returning(*shown))).one_or_none()
        if row is None:
            raise StockNotFoundError(sku=sku, warehouse=warehouse)
        return StockView._make(row)


class SqlWarehouseRepository:
    """The ``WarehouseRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(self, warehouse: Warehouse) -> bool:
        """Make a warehouse this; see the port."""
        values = warehouse._asdict()
        # The version of a row that was just inserted has no deleter.
        new = case((text("xmax = 0"), True), else_=False)
        put = insert(warehouses).values(values).on_conflict_do_update(index_elements=["code"], set_=values)
        made: bool = (await self._session.execute(put.returning(new))).scalar_one()
        return made
