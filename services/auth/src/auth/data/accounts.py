"""Accounts in PostgreSQL, to be changed within a unit of work."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.tables import accounts
from auth.domain.accounts import Account, AccountNotFoundError, AccountStatus
from chassis.database import lock_key


class SqlAccountRepository:
    """The ``AccountRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, account: Account) -> None:
        """Keep a new account; see the port."""
        self._session.add(account)

    async def get(self, account_id: UUID) -> Account:
        """Return the account, locked; see the port."""
        found = await self._session.scalars(_locked(_open().where(accounts.c.id == account_id)))
        account = found.one_or_none()
        if account is None:
            raise AccountNotFoundError
        return account

    async def find(self, account_id: UUID) -> Account | None:
        """Return the account as it is; see the port."""
        return (await self._session.scalars(_open().where(accounts.c.id == account_id))).one_or_none()

    async def find_by_email(self, email: str) -> Account | None:
        """Return the account as it is; see the port."""
        return (await self._session.scalars(_open().where(accounts.c.email == email))).one_or_none()

    async def claim(self, email: str) -> Account | None:
        """Return the account, locked, or nothing and a lock on the address; see the port."""
        await self._session.execute(select(func.pg_advisory_xact_lock(lock_key(f"email {email}"))))
        return (await self._session.scalars(_locked(_open().where(accounts.c.email == email)))).one_or_none()


def _open() -> Select[Account]:
    return select(Account).where(accounts.c.status != AccountStatus.CLOSED)


def _locked(statement: Select[Account]) -> Select[Account]:
    # What was read before the lock may have changed before it was ours.
    return statement.with_for_update().execution_options(populate_existing=True)
