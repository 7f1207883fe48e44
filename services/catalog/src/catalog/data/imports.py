"""Imports and their reports in PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.data import mapping  # noqa: F401 - Import has to be mapped before it is loaded
from catalog.data.tables import import_lines, imports
from catalog.domain.imports import Import, ImportNotFoundError, Outcome, Report
from chassis.database import Database
from chassis.keyset import read_page

KEPT = timedelta(days=30)
"""How long after its beginning an import and its report can be read."""

_BATCH = 10
"""How many imports are deleted at once, each perhaps with many thousands of lines."""


class SqlImportRepository:
    """The ``ImportRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, started: Import) -> None:
        """Keep a new one."""
        self._session.add(started)
        await self._session.flush()

    async def get(self, import_id: UUID) -> Import:
        """Return the import, locked; see the port."""
        found = await self._session.scalars(select(Import).where(imports.c.id == import_id).with_for_update())
        known = found.one_or_none()
        if known is None:
            raise ImportNotFoundError(import_id=str(import_id))
        return known

    async def report(self, import_id: UUID, reports: Sequence[Report]) -> None:
        """Keep what became of lines."""
        await self._session.execute(
            insert(import_lines), [{"import_id": import_id, **each._asdict()} for each in reports]
        )


class SqlImportDirectory:
    """The ``ImportDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_lines(
        self, import_id: UUID, outcome: Outcome | None, *, after: tuple[int] | None, limit: int
    ) -> list[Report]:
        """Return a page of an import's lines; see the port."""
        wanted = select(*(import_lines.c[name] for name in Report._fields)).where(import_lines.c.import_id == import_id)
        if outcome is not None:
            wanted = wanted.where(import_lines.c.outcome == outcome)
        async with self._database.read() as connection:
            rows = (await connection.execute(read_page(wanted, import_lines.c.line, after=after, limit=limit))).all()
        return [Report._make(row) for row in rows]


async def purge(database: Database) -> int:
    """Delete imports that are older than ``KEPT``, with their reports; return how many."""
    old = select(imports.c.id).where(imports.c.started_at < func.now() - KEPT).limit(_BATCH)
    total = 0
    async with database.read() as connection:
        while count := (await connection.execute(delete(imports).where(imports.c.id.in_(old)))).rowcount:
            total += count
    return total
