"""Statements of the chassis' own on the driver itself, within a session's transaction.

What every transaction that tells or hears something does, costs a third so of what it costs through SQLAlchemy, and
that is most of what such a transaction costs. For fixed statements with plain values, and for nothing else.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import DatabaseAwayError


async def execute(session: AsyncSession, sql: str, *values: object) -> str:
    """Run one statement.

    Returns:
        The command tag, such as ``INSERT 0 1``.

    Raises:
        DatabaseAwayError: The connection broke.
    """
    status: str = await _run(session, "execute", sql, *values)
    return status


async def fetch(session: AsyncSession, sql: str, *values: object) -> list[Any]:
    """Run one statement and return its rows, whose columns are found by position and by name.

    Raises:
        DatabaseAwayError: The connection broke.
    """
    rows: list[Any] = await _run(session, "fetch", sql, *values)
    return rows


async def execute_many(session: AsyncSession, sql: str, rows: Sequence[Sequence[object]]) -> None:
    """Run one statement for each row of values, in one round trip.

    Raises:
        DatabaseAwayError: The connection broke.
    """
    await _run(session, "executemany", sql, rows)


async def _run(session: AsyncSession, method: str, *arguments: object) -> Any:
    """Call asyncpg's connection under a session that has one, in the transaction that the session will commit."""
    connection = session.sync_session.connection()
    adapted: Any = connection.connection.dbapi_connection
    try:
        # SQLAlchemy says BEGIN before the first statement that goes through it, and this one does not.
        if adapted._transaction is None:  # noqa: SLF001 - there is no public way to begin, and the version is pinned
            await adapted._start_transaction()  # noqa: SLF001 - see above
        return await getattr(adapted.driver_connection, method)(*arguments)
    except asyncio.CancelledError:
        # Perhaps in the middle of BEGIN. Whoever got this connection next would begin within that transaction, commit
        # a savepoint, and have its changes rolled back later: an effect lost for good.
        connection.invalidate()
        raise
    except Exception as error:
        if adapted.driver_connection.is_closed():
            # Otherwise the session would try to roll back on it, and that error would hide this one.
            connection.invalidate()
            raise DatabaseAwayError from error
        raise
