"""The hottest reads: one row by its key, with nothing between the driver and the answer.

A lookup is written with SQLAlchemy Core and compiled once; each read then costs asyncpg and little else, a quarter of
what the same statement costs through ``Database.read``. For the read that most requests make, and for nothing else::

    _find = Lookup(select(orders.c.id, orders.c.state).where(orders.c.id == bindparam("id")))

    row = await _find.row(database, id=order_id)
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.types import TypeEngine

from chassis.database import DATABASE_ERRORS, Database, DatabaseAwayError, is_away

Convert = Callable[[Any], Any]

_dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # SQLAlchemy has not annotated it


class Lookup:
    """A statement that finds at most one row, by the values of its ``bindparam``s.

    Values go in and come out as Core has them: enumerations, JSON and the like are converted.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=_dialect)
        self._sql = str(compiled)
        self._given = [(name, _to_driver(compiled.binds[name].type)) for name in compiled.positiontup or ()]
        found = [_from_driver(column.type) for column in statement.selected_columns]
        self._found = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    async def row(self, database: Database, **values: object) -> tuple[Any, ...] | None:
        """Return the row's columns in the statement's order, None if there is no such row.

        Raises:
            DatabaseAwayError: The database could not be reached, or went away.
        """
        given = [values[name] if convert is None else convert(values[name]) for name, convert in self._given]
        try:
            record = await database.driver.fetchrow(self._sql, given)
        except (OSError, *DATABASE_ERRORS) as error:
            if is_away(error):
                raise DatabaseAwayError from error
            raise
        if record is None:
            return None
        columns = list(record)
        for place, convert in self._found:
            columns[place] = convert(columns[place])
        return tuple(columns)


def _to_driver(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(_dialect).bind_processor(_dialect)


def _from_driver(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(_dialect).result_processor(_dialect, None)
