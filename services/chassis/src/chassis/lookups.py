"""The hottest reads, with nothing between the driver and the answer.

A lookup is written with SQLAlchemy Core and compiled once; each read then costs asyncpg and little else, a quarter of
what the same statement costs through ``Database.read``. For the reads that most requests make, and for nothing else::

    _find = Lookup(select(orders.c.id, orders.c.state).where(orders.c.id == bindparam("id")))

    row = await _find.row(database, id=order_id)
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import BindParameter, Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from chassis.database import DATABASE_ERRORS, Database, DatabaseAwayError, is_away

Convert = Callable[[Any], Any]

_dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # SQLAlchemy has not annotated it


class Lookup:
    """A statement that finds rows, by the values of its ``bindparam``s.

    Values go in and come out as Core has them: enumerations, JSON and the like are converted.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        compiled = statement.compile(dialect=_dialect)
        self._sql = str(compiled)
        self._given = [_Given.of(compiled.binds[name]) for name in compiled.positiontup or ()]
        found = [_from_driver(column.type) for column in statement.selected_columns]
        self._found = [(place, convert) for place, convert in enumerate(found) if convert is not None]

    async def row(self, database: Database, **values: object) -> tuple[Any, ...] | None:
        """Return the first row's columns in the statement's order, None if there is no row.

        It goes over a few connections of its own, so the statement has to be a short one.

        Raises:
            DatabaseAwayError: The database could not be reached, or went away.
        """
        try:
            record = await database.driver.fetchrow(self._sql, [each.value(values) for each in self._given])
        except (OSError, *DATABASE_ERRORS) as error:
            if is_away(error):
                raise DatabaseAwayError from error
            raise
        return None if record is None else self._converted(record)

    async def rows(self, connection: AsyncConnection, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """Return all rows, over a connection that ``Database.read`` lends; there may be more values than are needed."""
        lent: Any = await connection.get_raw_connection()
        try:
            records = await lent.driver_connection.fetch(self._sql, *(each.value(values) for each in self._given))
        except asyncio.CancelledError:
            # Nobody knows what the server still has to say on it.
            await connection.invalidate()
            raise
        return [self._converted(record) for record in records]

    def _converted(self, record: asyncpg.Record) -> tuple[Any, ...]:
        columns = list(record)
        for place, convert in self._found:
            columns[place] = convert(columns[place])
        return tuple(columns)


class _Given(NamedTuple):
    """A value that a statement is given: by name, or, where Core has made it of a constant, always the same."""

    name: str | None
    convert: Convert | None
    constant: Any

    @classmethod
    def of(cls, parameter: BindParameter[Any]) -> "_Given":
        convert = _to_driver(parameter.type)
        if parameter.required:
            return cls(parameter.key, convert, None)
        value = parameter.effective_value
        return cls(None, None, value if convert is None else convert(value))

    def value(self, values: Mapping[str, object]) -> Any:
        if self.name is None:
            return self.constant
        return values[self.name] if self.convert is None else self.convert(values[self.name])


def _to_driver(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(_dialect).bind_processor(_dialect)


def _from_driver(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(_dialect).result_processor(_dialect, None)
