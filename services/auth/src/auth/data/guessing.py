"""What is remembered of wrong passwords, in PostgreSQL: all replicas count together."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import guess_tracks as table
from auth.domain.guessing import Track


class SqlTrackRepository:
    """The ``TrackRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, subjects: Sequence[str]) -> list[Track]:
        """Return the tracks, locked; see the port.

        Everybody makes and locks rows in the order of their subjects, so that nobody waits for each other in a circle.
        """
        rows = [{"subject": subject} for subject in sorted(set(subjects))]
        await self._session.execute(insert(table).values(rows).on_conflict_do_nothing())
        query = select(Track).where(table.c.subject.in_(subjects)).order_by(table.c.subject).with_for_update()
        found = await self._session.scalars(query.execution_options(populate_existing=True))
        tracks = {track.subject: track for track in found}
        return [tracks[subject] for subject in subjects]

    async def forget_before(self, failed_before: datetime, succeeded_before: datetime) -> int:
        """Remove old tracks; see the port."""
        failed = func.coalesce(table.c.last_failed_at, failed_before) <= failed_before
        succeeded = func.coalesce(table.c.succeeded_at, succeeded_before) <= succeeded_before
        return await rows_changed(self._session, delete(table).where(failed, succeeded))
