"""API keys in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import api_keys as table
from auth.domain.api_keys import ApiKey, ApiKeyNotFoundError


class SqlApiKeyRepository:
    """The ``ApiKeyRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, api_key: ApiKey) -> None:
        """Keep a new key; see the port."""
        self._session.add(api_key)

    async def get(self, api_key_id: UUID, account_id: UUID) -> ApiKey:
        """Return one of the account's keys; see the port."""
        query = select(ApiKey).where(table.c.id == api_key_id, table.c.account_id == account_id)
        found = (await self._session.scalars(query)).one_or_none()
        if found is None:
            raise ApiKeyNotFoundError
        return found

    async def find_by_secret_hash(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key; see the port."""
        return (await self._session.scalars(select(ApiKey).where(table.c.secret_hash == secret_hash))).one_or_none()

    async def find_by_account(self, account_id: UUID) -> Sequence[ApiKey]:
        """Return the account's keys; see the port."""
        query = select(ApiKey).where(table.c.account_id == account_id, table.c.revoked_at.is_(None))
        return (await self._session.scalars(query.order_by(table.c.id.desc()))).all()

    async def revoke_of_account(self, account_id: UUID, now: datetime) -> int:
        """Revoke the account's keys; see the port."""
        living = update(table).where(table.c.account_id == account_id, table.c.revoked_at.is_(None))
        return await rows_changed(self._session, living.values(revoked_at=now))

    async def forget_before(self, moment: datetime) -> int:
        """Remove old keys; see the port."""
        old = or_(table.c.expires_at < moment, table.c.revoked_at < moment)
        return await rows_changed(self._session, delete(table).where(old))
