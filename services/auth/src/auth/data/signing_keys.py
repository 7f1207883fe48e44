"""Signing keys in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import signing_keys as table
from auth.domain.signing_keys import SigningKey
from chassis.database import lock_key


class SqlSigningKeyRepository:
    """The ``SigningKeyRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, key: SigningKey) -> None:
        """Keep a new key; see the port."""
        self._session.add(key)

    async def lock_all(self) -> Sequence[SigningKey]:
        """Return every key, and keep others from changing any; see the port."""
        await self._session.execute(select(func.pg_advisory_xact_lock(lock_key("signing keys"))))
        return await self.all()

    async def all(self) -> Sequence[SigningKey]:
        """Return every key; see the port."""
        return (await self._session.scalars(select(SigningKey).execution_options(populate_existing=True))).all()

    async def forget_before(self, moment: datetime) -> int:
        """Remove keys that retired long ago; see the port."""
        return await rows_changed(self._session, delete(table).where(table.c.retires_at < moment))
