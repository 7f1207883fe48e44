"""Accounts, API keys and audit entries as rows: no entities, no transaction."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select

from auth.data.tables import accounts, api_keys, audit_entries
from auth.domain.directory import AccountFilter, AccountView, ApiKeyView, AuditFilter, AuditView
from chassis.database import Database
from chassis.keyset import read_page

_accounts = select(*(accounts.c[field] for field in AccountView._fields))
_entries = select(*(audit_entries.c[field] for field in AuditView._fields))
_keys = select(*(api_keys.c[field] for field in ApiKeyView._fields)).where(api_keys.c.revoked_at.is_(None))


class SqlDirectory:
    """The ``Directory`` of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, account_id: UUID) -> AccountView | None:
        """Return an account; see the port."""
        rows = await self._rows(_accounts.where(accounts.c.id == account_id))
        return AccountView(*rows[0]) if rows else None

    async def accounts(self, criteria: AccountFilter, *, after: tuple[UUID] | None, limit: int) -> list[AccountView]:
        """Return a page of accounts; see the port."""
        wanted = _accounts.where(*_account_conditions(criteria))
        page = read_page(wanted, accounts.c.id, after=after, limit=limit, descending=True)
        return [AccountView(*row) for row in await self._rows(page)]

    async def api_key(self, account_id: UUID, api_key_id: UUID) -> ApiKeyView | None:
        """Return one key; see the port."""
        rows = await self._rows(_keys.where(api_keys.c.account_id == account_id, api_keys.c.id == api_key_id))
        return ApiKeyView(*rows[0]) if rows else None

    async def api_keys(self, account_id: UUID, *, after: tuple[UUID] | None, limit: int) -> list[ApiKeyView]:
        """Return a page of keys; see the port."""
        wanted = _keys.where(api_keys.c.account_id == account_id)
        page = read_page(wanted, api_keys.c.id, after=after, limit=limit, descending=True)
        return [ApiKeyView(*row) for row in await self._rows(page)]

    async def audit_entries(self, criteria: AuditFilter, *, after: tuple[UUID] | None, limit: int) -> list[AuditView]:
        """Return a page of the trail; see the port."""
        wanted = _entries.where(*_audit_conditions(criteria))
        page = read_page(wanted, audit_entries.c.id, after=after, limit=limit, descending=True)
        return [AuditView(*row) for row in await self._rows(page)]

    async def _rows(self, statement: Select[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
        async with self._database.read() as connection:
            return list(await connection.execute(statement))


def _account_conditions(criteria: AccountFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.email is not None:
        yield accounts.c.email == criteria.email
    if criteria.status is not None:
        yield accounts.c.status == criteria.status
    if criteria.role is not None:
        yield accounts.c.roles.contains([criteria.role])


def _audit_conditions(criteria: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.account_id is not None:
        yield audit_entries.c.account_id == criteria.account_id
    if criteria.actor is not None:
        yield audit_entries.c.actor == criteria.actor
    if criteria.action is not None:
        yield audit_entries.c.action == criteria.action
    if criteria.since is not None:
        yield audit_entries.c.at >= criteria.since
    if criteria.until is not None:
        yield audit_entries.c.at < criteria.until
