"""The unit of work on a database session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from inventory.data.reservations import SqlReservationRepository
from inventory.data.stock import SqlStockRepository, SqlWarehouseRepository


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session, which somebody else opens and commits."""

    def __init__(self, session: AsyncSession) -> None:
        self.reservations = SqlReservationRepository(session)
        self.stock = SqlStockRepository(session)
        self.warehouses = SqlWarehouseRepository(session)


class SqlUnits:
    """Opens units of work of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[SqlUnitOfWork]:
        """Open a unit of work; it commits at the end of the block."""
        async with self._database.transaction() as session:
            yield SqlUnitOfWork(session)
