"""Making and revoking API keys, inside the given unit of work."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth.domain.accounts import AccountSuspendedError
from auth.domain.api_keys import (
    MOST_KEYS,
    ApiKey,
    ExpiryPassedError,
    TooManyApiKeysError,
    grantable,
    new_secret,
)
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.roles import ScopeRegistry
from auth.domain.units import UnitOfWork
from chassis.clock import Clock


@dataclass(frozen=True, slots=True)
class KeyWithSecret:
    """A key and, right after it was made and never again, its secret."""

    key: ApiKey
    secret: str | None

    @property
    def id(self) -> UUID:
        """The key's id."""
        return self.key.id


class ApiKeyService:
    """Manages the keys of one account."""

    def __init__(self, uow: UnitOfWork, clock: Clock, registry: ScopeRegistry) -> None:
        self._uow = uow
        self._clock = clock
        self._registry = registry

    async def make(
        self, account_id: UUID, name: str, scopes: Iterable[str], expires_at: datetime | None, caller: Caller
    ) -> KeyWithSecret:
        """Make a key with some of what its owner may do.

        Raises:
            ScopeNotGrantableError: A scope is not the caller's to give.
            ExpiryPassedError: It would have expired already.
            TooManyApiKeysError: There are enough.
            AccountSuspendedError: The account cannot be used.
        """
        now = self._clock.now()
        account = await self._uow.accounts.get(account_id)
        if not account.active:
            raise AccountSuspendedError
        if expires_at is not None and expires_at <= now:
            raise ExpiryPassedError
        granted = grantable(scopes, self._registry.allowed(account.roles) & caller.scopes)
        usable = [key for key in await self._uow.api_keys.find_by_account(account_id) if key.usable(now)]
        if len(usable) >= MOST_KEYS:
            raise TooManyApiKeysError(f"{MOST_KEYS} is the most; revoke one first.")
        secret = new_secret()
        made = ApiKey(account_id=account_id, name=name, secret=secret, scopes=granted, now=now, expires_at=expires_at)
        self._uow.api_keys.add(made)
        self._uow.audit.add(entry("api-key-made", caller, now, account_id, key=made.prefix))
        return KeyWithSecret(made, secret)

    async def show(self, account_id: UUID, api_key_id: UUID) -> KeyWithSecret:
        """Return a key as it is now, without its secret.

        Raises:
            ApiKeyNotFoundError: The account has no such key.
        """
        return KeyWithSecret(await self._uow.api_keys.get(api_key_id, account_id), None)

    async def revoke(self, account_id: UUID, api_key_id: UUID, caller: Caller) -> None:
        """End a key; one that has ended already stays ended.

        Raises:
            ApiKeyNotFoundError: The account has no such key.
        """
        now = self._clock.now()
        found = await self._uow.api_keys.get(api_key_id, account_id)
        if found.revoked_at is None:
            found.revoke(now)
            self._uow.audit.add(entry("api-key-revoked", caller, now, account_id, key=found.prefix))
