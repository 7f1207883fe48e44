"""Bringing many products in: some lines at a time, in pieces that are imported whole or not at all."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from catalog.domain.imports import Import, ImportFinishedError, Line, Record, Report, Stock, bring_in
from catalog.domain.ports import UnitOfWork
from chassis.clock import Clock
from chassis.errors import ConflictError, InvalidError, ServiceError

Units = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Opens a unit of work that commits when it ends."""


class ImportService:
    """Runs imports. Unlike other services it opens units of work itself: one for each piece.

    What is acknowledged is committed with its reports, so an import that was cut short goes on after the last piece;
    and a piece that is sent twice, at once even, counts once, since the import is locked meanwhile.
    """

    def __init__(self, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def start(self, name: str) -> Import:
        """Begin an import that no line has been sent of."""
        started = Import(name, self._clock.now())
        async with self._units() as uow:
            await uow.imports.add(started)
        return started

    async def get(self, import_id: UUID) -> Import:
        """Return an import as it stands.

        Raises:
            ImportNotFoundError: There is none with this id.
        """
        async with self._units() as uow:
            return await uow.imports.get(import_id)

    async def follow(self, import_id: UUID, after: int) -> Import:
        """Return an import that may go on after a line.

        Raises:
            ImportNotFoundError: There is none with this id.
            ImportGapError: It has not come so far.
        """
        found = await self.get(import_id)
        found.follow(after)
        return found

    async def bring_in(self, import_id: UUID, piece: Sequence[Line]) -> Import:
        """Import one piece, and keep what became of each line; lines that were imported already are skipped.

        Raises:
            ImportNotFoundError: There is none with this id.
            ImportFinishedError: Its last line was sent already.
        """
        try:
            return await self._together(import_id, piece)
        except ImportFinishedError:
            raise
        except (ConflictError, InvalidError) as error:
            # A line breaks a rule; halving finds which one, and the others are imported all the same.
            if len(piece) == 1:
                return await self._refuse(import_id, piece[0], error)
            half = len(piece) // 2
            await self.bring_in(import_id, piece[:half])
            return await self.bring_in(import_id, piece[half:])

    async def finish(self, import_id: UUID) -> Import:
        """Say that there are no more lines."""
        async with self._units() as uow:
            found = await uow.imports.get(import_id)
            found.finish(self._clock.now())
        return found

    async def _together(self, import_id: UUID, piece: Sequence[Line]) -> Import:
        """Import a piece in one unit of work, the report included."""
        async with self._units() as uow:
            found = await uow.imports.get(import_id)
            if left := found.left(piece):
                await self._keep(uow, found, await self._apply(uow, left))
        return found

    async def _refuse(self, import_id: UUID, line: Line, error: ServiceError) -> Import:
        async with self._units() as uow:
            found = await uow.imports.get(import_id)
            if found.left([line]):
                await self._keep(uow, found, [Report.refused(line, error)])
        return found

    async def _keep(self, uow: UnitOfWork, found: Import, reports: Sequence[Report]) -> None:
        if reports:
            found.take(reports)
            await uow.imports.report(found.id, reports)

    async def _apply(self, uow: UnitOfWork, lines: Sequence[Line]) -> list[Report]:
        records = [line.content for line in lines if isinstance(line.content, Record)]
        slugs = list(dict.fromkeys(record.slug for record in records))
        named = {slug for record in records for slug in record.patch.get("categories") or ()}
        known = await uow.products.find_by_slugs(slugs)
        stock = Stock({product.slug: product for product in known}, await uow.categories.known(sorted(named)))
        reports = []
        for line in lines:
            if isinstance(line.content, Record):
                outcome = bring_in(line.content, stock, self._clock.now())
                reports.append(Report(line.number, outcome, line.content.slug))
            else:
                reports.append(Report.refused(line, line.content))
        if stock.touched:
            await uow.products.save(*dict.fromkeys(stock.touched))
        return reports
