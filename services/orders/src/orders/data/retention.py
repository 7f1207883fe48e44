"""How long carts and finished sagas are kept, and the jobs that see to it."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select

from chassis.database import Database
from orders.data.tables import carts, sagas

ANONYMOUS_CARTS = timedelta(days=30)
CUSTOMERS_CARTS = timedelta(days=180)
SAGAS = timedelta(days=400)
"""After their end: as far back as inventory knows its stock, for reconciliation leaves out what was under way."""

_BATCH = 1000


async def purge_carts(database: Database) -> int:
    """Delete carts that nobody has changed for so long."""
    anonymous = and_(carts.c.customer_id.is_(None), carts.c.changed_at < func.now() - ANONYMOUS_CARTS)
    return await _purge(database, carts, or_(anonymous, carts.c.changed_at < func.now() - CUSTOMERS_CARTS))


async def purge_sagas(database: Database) -> int:
    """Delete sagas that ended so long ago."""
    return await _purge(database, sagas, sagas.c.finished_at < func.now() - SAGAS)


async def _purge(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    """Delete what is ``old`` in small batches; return how many rows that was."""
    batch = delete(table).where(table.c.id.in_(select(table.c.id).where(old).limit(_BATCH)))
    total = 0
    async with database.read() as connection:
        while count := (await connection.execute(batch)).rowcount:
            total += count
    return total
