"""In-memory stand-ins for everything that auth's domain asks for."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.domain.access_tokens import AccessGrant, AccessToken
from auth.domain.accounts import Account, AccountNotFoundError, AccountStatus
from auth.domain.api_keys import ApiKey, ApiKeyNotFoundError
from auth.domain.audit import AuditEntry
from auth.domain.clients import Client
from auth.domain.families import RefreshFamily
from auth.domain.guessing import Track
from auth.domain.mails import Mail
from auth.domain.passwords import Verdict
from auth.domain.resets import PasswordReset
from auth.domain.signing_keys import KeyMaterial, SigningKey

PASSWORD = "correct horse battery"
"""Ada's."""


class FakeAccounts:
    def __init__(self) -> None:
        self.rows: dict[UUID, Account] = {}

    def add(self, account: Account) -> None:
        self.rows[account.id] = account

    async def get(self, account_id: UUID) -> Account:
        found = await self.find(account_id)
        if found is None:
            raise AccountNotFoundError
        return found

    async def find(self, account_id: UUID) -> Account | None:
        found = self.rows.get(account_id)
        return None if found is None or found.status is AccountStatus.CLOSED else found

    async def find_by_email(self, email: str) -> Account | None:
        return next((each for each in self.rows.values() if each.email == email), None)

    async def claim(self, email: str) -> Account | None:
        return await self.find_by_email(email)


class FakeFamilies:
    def __init__(self) -> None:
        self.rows: dict[UUID, RefreshFamily] = {}

    def add(self, family: RefreshFamily) -> None:
        self.rows[family.id] = family

    async def lock(self, family_id: UUID) -> RefreshFamily | None:
        return self.rows.get(family_id)

    async def end_of_account(self, account_id: UUID, reason: str, now: datetime) -> int:
        living = [each for each in self.rows.values() if each.account_id == account_id and each.ended_at is None]
        for each in living:
            each.end(reason, now)
        return len(living)

    async def forget_before(self, moment: datetime) -> int:
        old = [
            each.id
            for each in self.rows.values()
            if each.expires_at < moment or (each.ended_at is not None and each.ended_at < moment)
        ]
        return _remove(self.rows, old)


class FakeApiKeys:
    def __init__(self) -> None:
        self.rows: dict[UUID, ApiKey] = {}

    def add(self, api_key: ApiKey) -> None:
        self.rows[api_key.id] = api_key

    async def get(self, api_key_id: UUID, account_id: UUID) -> ApiKey:
        found = self.rows.get(api_key_id)
        if found is None or found.account_id != account_id:
            raise ApiKeyNotFoundError
        return found

    async def find_by_secret_hash(self, secret_hash: bytes) -> ApiKey | None:
        return next((each for each in self.rows.values() if each.secret_hash == secret_hash), None)

    async def find_by_account(self, account_id: UUID) -> Sequence[ApiKey]:
        found = [each for each in self.rows.values() if each.account_id == account_id and each.revoked_at is None]
        return sorted(found, key=lambda each: each.id, reverse=True)

    async def revoke_of_account(self, account_id: UUID, now: datetime) -> int:
        living = await self.find_by_account(account_id)
        for each in living:
            each.revoke(now)
        return len(living)

    async def forget_before(self, moment: datetime) -> int:
        old = [
            each.id
            for each in self.rows.values()
            if any(end is not None and end < moment for end in (each.expires_at, each.revoked_at))
        ]
        return _remove(self.rows, old)


class FakeResets:
    def __init__(self) -> None:
        self.rows: dict[UUID, PasswordReset] = {}

    def add(self, reset: PasswordReset) -> None:
        self.rows[reset.id] = reset

    async def lock(self, reset_id: UUID) -> PasswordReset | None:
        return self.rows.get(reset_id)

    async def count_since(self, account_id: UUID, moment: datetime) -> int:
        return len([each for each in self._of(account_id) if each.requested_at >= moment])

    async def use_up_of_account(self, account_id: UUID, now: datetime) -> int:
        usable = [each for each in self._of(account_id) if each.used_at is None]
        for each in usable:
            each.used_at = now
        return len(usable)

    async def forget_before(self, moment: datetime) -> int:
        return _remove(self.rows, [each.id for each in self.rows.values() if each.requested_at < moment])

    def _of(self, account_id: UUID) -> list[PasswordReset]:
        return [each for each in self.rows.values() if each.account_id == account_id]


class FakeTracks:
    def __init__(self) -> None:
        self.rows: dict[str, Track] = {}

    async def lock(self, subjects: Sequence[str]) -> list[Track]:
        return [self.rows.setdefault(subject, Track(subject)) for subject in subjects]

    async def forget_before(self, failed_before: datetime, succeeded_before: datetime) -> int:
        old = [
            each.subject
            for each in self.rows.values()
            if (each.last_failed_at is None or each.last_failed_at <= failed_before)
            and (each.succeeded_at is None or each.succeeded_at <= succeeded_before)
        ]
        return _remove(self.rows, old)


class FakeClients:
    def __init__(self) -> None:
        self.rows: dict[str, Client] = {}

    def add(self, client: Client) -> None:
        self.rows[client.id] = client

    async def find(self, client_id: str) -> Client | None:
        return self.rows.get(client_id)

    async def lock_all(self) -> list[Client]:
        return list(self.rows.values())

    async def remove(self, client: Client) -> None:
        del self.rows[client.id]


class FakeSigningKeys:
    def __init__(self) -> None:
        self.rows: dict[str, SigningKey] = {}

    def add(self, key: SigningKey) -> None:
        self.rows[key.kid] = key

    async def lock_all(self) -> Sequence[SigningKey]:
        return list(self.rows.values())

    async def all(self) -> Sequence[SigningKey]:
        return list(self.rows.values())

    async def forget_before(self, moment: datetime) -> int:
        old = [each.kid for each in self.rows.values() if each.retires_at is not None and each.retires_at < moment]
        return _remove(self.rows, old)


class FakeAuditTrail:
    def __init__(self) -> None:
        self.rows: dict[UUID, AuditEntry] = {}

    @property
    def actions(self) -> list[str]:
        """What was done, in order."""
        return [each.action for each in self.rows.values()]

    def add(self, entry: AuditEntry) -> None:
        self.rows[entry.id] = entry

    async def forget_before(self, moment: datetime) -> int:
        return _remove(self.rows, [each.id for each in self.rows.values() if each.at < moment])


class FakeMailbox:
    def __init__(self) -> None:
        self.rows: dict[UUID, Mail] = {}

    @property
    def posted(self) -> list[Mail]:
        """The mails, in order."""
        return list(self.rows.values())

    def post(self, mail: Mail) -> None:
        self.rows[mail.id] = mail

    async def forget_before(self, moment: datetime) -> int:
        return _remove(self.rows, [each.id for each in self.rows.values() if each.at < moment])


class FakeUnitOfWork:
    """Everything that is stored, in memory."""

    def __init__(self) -> None:
        self.accounts = FakeAccounts()
        self.families = FakeFamilies()
        self.api_keys = FakeApiKeys()
        self.resets = FakeResets()
        self.tracks = FakeTracks()
        self.clients = FakeClients()
        self.signing_keys = FakeSigningKeys()
        self.audit = FakeAuditTrail()
        self.mails = FakeMailbox()


class FakeUnits:
    """Opens units of work on the same memory. What raises is rolled back, as a transaction would be."""

    def __init__(self) -> None:
        self.uow = FakeUnitOfWork()
        self.opened = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[FakeUnitOfWork]:
        self.opened += 1
        tables: list[dict[Any, Any]] = [repository.rows for repository in vars(self.uow).values()]
        before = [[(key, row, copy.deepcopy(vars(row))) for key, row in rows.items()] for rows in tables]
        try:
            yield self.uow
        except BaseException:
            for rows, saved in zip(tables, before, strict=True):
                rows.clear()
                for key, row, state in saved:
                    rows[key] = row
                    vars(row).clear()
                    vars(row).update(state)
            raise


class FakeHasher:
    """Hashes by prefixing, and counts how often it was asked."""

    def __init__(self) -> None:
        self.hashes = 0
        self.failure: Exception | None = None

    async def hash(self, password: str) -> str:
        self._count()
        return f"new:{password}"

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        self._count()
        kind, _, right = (password_hash or "").partition(":")
        if not kind or right != password:
            return Verdict(right=False)
        return Verdict(right=True, new_hash=f"new:{password}" if kind == "old" else None)

    def _count(self) -> None:
        self.hashes += 1
        if self.failure is not None:
            raise self.failure


class FakeAccessTokens:
    """Issues tokens that are their number, and remembers what they say."""

    def __init__(self) -> None:
        self.issued: dict[str, AccessGrant] = {}

    def issue(self, grant: AccessGrant) -> AccessToken:
        value = f"access.token.{len(self.issued)}"
        self.issued[value] = grant
        return AccessToken(value, 600)

    async def read(self, token: str) -> Mapping[str, Any] | None:
        grant = self.issued.get(token)
        if grant is None:
            return None
        return {"sub": grant.subject, "aud": grant.audience, "scope": " ".join(sorted(grant.scopes))}


class KeyMaker:
    """Makes numbered keys."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> KeyMaterial:
        self.made += 1
        return KeyMaterial(f"key-{self.made}", {"kid": f"key-{self.made}", "kty": "EC"}, b"sealed")


def _remove(rows: dict[Any, Any], keys: Sequence[Any]) -> int:
    for key in keys:
        del rows[key]
    return len(keys)
