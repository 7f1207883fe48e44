"""Refresh token families in PostgreSQL, to be changed within a unit of work."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import refresh_families as table
from auth.domain.families import RefreshFamily


class SqlRefreshFamilyRepository:
    """The ``RefreshFamilyRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, family: RefreshFamily) -> None:
        """Keep a new family; see the port."""
        self._session.add(family)

    async def lock(self, family_id: UUID) -> RefreshFamily | None:
        """Return the family, locked; see the port."""
        return await self._session.get(RefreshFamily, family_id, with_for_update=True)

    async def end_of_account(self, account_id: UUID, reason: str, now: datetime) -> int:
        """End the account's families; see the port."""
        living = update(table).where(table.c.account_id == account_id, table.c.ended_at.is_(None))
        return await rows_changed(self._session, living.values(ended_at=now, end_reason=reason))

    async def forget_before(self, moment: datetime) -> int:
        """Remove old families; see the port."""
        old = or_(table.c.expires_at < moment, table.c.ended_at < moment)
        return await rows_changed(self._session, delete(table).where(old))
