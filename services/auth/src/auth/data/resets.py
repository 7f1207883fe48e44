"""Password resets in PostgreSQL, to be changed within a unit of work."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import password_resets as table
from auth.domain.resets import PasswordReset


class SqlPasswordResetRepository:
    """The ``PasswordResetRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, reset: PasswordReset) -> None:
        """Keep a new reset; see the port."""
        self._session.add(reset)

    async def lock(self, reset_id: UUID) -> PasswordReset | None:
        """Return the reset, locked; see the port."""
        return await self._session.get(PasswordReset, reset_id, with_for_update=True)

    async def count_since(self, account_id: UUID, moment: datetime) -> int:
        """Count the account's resets; see the port."""
        lately = (table.c.account_id == account_id) & (table.c.requested_at >= moment)
        return await self._session.scalar(select(func.count()).select_from(table).where(lately)) or 0

    async def use_up_of_account(self, account_id: UUID, now: datetime) -> int:
        """Use up the account's resets; see the port."""
        usable = update(table).where(table.c.account_id == account_id, table.c.used_at.is_(None))
        return await rows_changed(self._session, usable.values(used_at=now))

    async def forget_before(self, moment: datetime) -> int:
        """Remove old resets; see the port."""
        return await rows_changed(self._session, delete(table).where(table.c.requested_at < moment))
