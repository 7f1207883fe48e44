"""The service's parts on a real database, one per test."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from chassis.clock import Clock
from chassis.database import Database
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from chassis.testing import FakeClock
from inventory import events
from inventory.data.booking import keep_books
from inventory.data.units import SqlUnits
from inventory.domain.events import Pieces
from inventory.domain.services import ReservationService, StockService
from inventory.domain.stock import Reason

WHAT_ALWAYS_HOLDS = text(
    """
    WITH ledger AS (
        SELECT sku, warehouse, sum(quantity) AS on_hand FROM adjustments GROUP BY sku, warehouse
    ), held AS (
        SELECT sku, warehouse, sum(quantity) AS reserved
        FROM reservation_lines JOIN reservations USING (order_id)
        WHERE state IN ('held', 'pinned') GROUP BY sku, warehouse
    )
    SELECT sku, warehouse, stock.on_hand, ledger.on_hand, stock.reserved, held.reserved
    FROM stock FULL JOIN ledger USING (sku, warehouse) FULL JOIN held USING (sku, warehouse)
    WHERE stock.on_hand IS DISTINCT FROM coalesce(ledger.on_hand, 0)
        OR stock.reserved IS DISTINCT FROM coalesce(held.reserved, 0)
        OR stock.reserved < 0 OR stock.reserved > stock.on_hand
    """
)


def connected(settings: DatabaseSettings, clock: Clock) -> Database:
    """Return the database as the service has it, with connections for many at once."""
    writer = Writer(service="inventory", publish=events.publish)
    wide = settings.model_copy(update={"pool_size": 20})
    database = Database(wide, service="inventory", before_commit=[writer])
    keep_books(database, writer, clock)
    return database


@pytest.fixture
async def database(database_settings: DatabaseSettings, clock: FakeClock) -> AsyncIterator[Database]:
    database = connected(database_settings, clock)
    async with database.lifespan():
        yield database


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return SqlUnits(database)


@pytest.fixture
def reservations(units: SqlUnits, clock: FakeClock) -> ReservationService:
    return ReservationService(units, clock)


@pytest.fixture
def receive(units: SqlUnits, clock: FakeClock) -> Callable[..., Awaitable[None]]:
    """Put pieces into stock: ``await receive(A=5, B=7)``."""

    async def put(**quantities: int) -> None:
        for sku, quantity in quantities.items():
            async with units() as uow:
                pieces = Pieces(sku, "main", quantity)
                await StockService(uow, clock).adjust(pieces, Reason.RECEIVED, note=None, actor="staff")

    return put


@pytest.fixture
def unsound(database: Database) -> Callable[[], Awaitable[list[object]]]:
    """Return the stock of which something is not so that always has to be so."""

    async def find() -> list[object]:
        async with database.read() as connection:
            return list((await connection.execute(WHAT_ALWAYS_HOLDS)).all())

    return find
