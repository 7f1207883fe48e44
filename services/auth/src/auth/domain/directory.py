"""Accounts and audit entries to be looked at: rows of what is committed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from auth.domain.accounts import AccountStatus
from auth.domain.roles import Role


class AccountView(NamedTuple):
    """An account as its owner and staff see it. What a closed one had is empty."""

    id: UUID
    email: str | None
    name: str
    roles: frozenset[Role]
    status: AccountStatus
    suspension_reason: str | None
    registered_at: datetime
    updated_at: datetime
    version: int


class ApiKeyView(NamedTuple):
    """An API key as its owner sees it."""

    id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class AuditView(NamedTuple):
    """An entry of the audit trail."""

    id: UUID
    at: datetime
    action: str
    actor: str
    address: str
    account_id: UUID | None
    details: dict[str, Any]
    trace_id: str


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts to list; None leaves a criterion out. ``email`` is a whole normalised address."""

    email: str | None = None
    status: AccountStatus | None = None
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to list; None leaves a criterion out. ``since`` is included, ``until`` is not."""

    account_id: UUID | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Directory(Protocol):
    """Reads accounts, API keys and the audit trail.

    Lists are newest first. They begin behind ``after``, the id of the last row of the page before (None: from the
    start), and have one row more than ``limit`` if there are more.
    """

    async def account(self, account_id: UUID) -> AccountView | None:
        """Return an account, also a closed one, or None."""
        ...

    async def accounts(self, criteria: AccountFilter, *, after: tuple[UUID] | None, limit: int) -> list[AccountView]:
        """Return a page of accounts."""
        ...

    async def api_key(self, account_id: UUID, api_key_id: UUID) -> ApiKeyView | None:
        """Return one key of an account, unless it was revoked, or None."""
        ...

    async def api_keys(self, account_id: UUID, *, after: tuple[UUID] | None, limit: int) -> list[ApiKeyView]:
        """Return a page of an account's keys, without those that were revoked."""
        ...

    async def audit_entries(self, criteria: AuditFilter, *, after: tuple[UUID] | None, limit: int) -> list[AuditView]:
        """Return a page of the trail."""
        ...
