"""API keys: long secrets for programs, each with a part of what its owner may do.

A key is shown once. Kept is its SHA-256: slow hashing protects secrets that people choose, and this one has 256 random
bits, which no one will ever try through. Keys are not used on requests directly: the gateway exchanges one for a short
access token, so a revoked key is dead when the last of these has run out.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.errors import ConflictError, InvalidError, NotFoundError
from chassis.ids import uuid7

PREFIX = "twk_"
MOST_KEYS = 20
"""Usable keys an account can have at once."""

NEVER_BY_KEY = frozenset({"keys:own", "roles:manage"})
"""Scopes no key can have: a leaked key must not be able to make another that outlives it, nor an admin."""


class ApiKeyNotFoundError(NotFoundError):
    """There is no such key, or it is somebody else's."""

    code = "api-key-not-found"
    title = "There is no such API key"


class TooManyApiKeysError(ConflictError):
    """The account has as many keys as it can have."""

    code = "too-many-api-keys"
    title = "The account has too many API keys"


class ScopeNotGrantableError(InvalidError):
    """A scope that is not one's own to give, or that no key can have."""

    code = "scope-not-grantable"
    title = "A scope cannot be given to the key"


class ExpiryPassedError(InvalidError):
    """The key would have expired already."""

    code = "expiry-passed"
    title = "The expiry is not in the future"


class ApiKey:
    """One key, without its secret. ``prefix`` is how its owner recognises it."""

    def __init__(
        self,
        *,
        account_id: UUID,
        name: str,
        secret: str,
        scopes: frozenset[str],
        now: datetime,
        expires_at: datetime | None,
    ) -> None:
        self.id = uuid7()
        self.account_id = account_id
        self.name = name
        self.prefix = secret[: len(PREFIX) + 8]
        self.secret_hash = digest(secret)
        self.scopes = scopes
        self.created_at = now
        self.expires_at = expires_at
        self.last_used_at: datetime | None = None
        self.revoked_at: datetime | None = None

    def usable(self, now: datetime) -> bool:
        """Tell whether the key opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def use(self, now: datetime) -> None:
        """Note that it was exchanged for a token."""
        self.last_used_at = now

    def revoke(self, now: datetime) -> None:
        """End it; ended already, it stays as it is."""
        self.revoked_at = self.revoked_at or now


def new_secret() -> str:
    """Return a new key: 8 characters to know it by, and 256 random bits."""
    return f"{PREFIX}{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(secret.encode()).digest()


def grantable(wanted: Iterable[str], own: frozenset[str]) -> frozenset[str]:
    """Return the scopes for a new key.

    Args:
        own: What the one who makes it may do: by role, and by the token that was shown.

    Raises:
        ScopeNotGrantableError: Something is wanted that cannot be given.
    """
    asked = frozenset(wanted)
    refused = sorted(asked - (own - NEVER_BY_KEY))
    if refused:
        raise ScopeNotGrantableError(f"Not yours to give to a key: {', '.join(refused)}.", scopes=refused)
    return asked


class ApiKeyRepository(Protocol):
    """The keys, inside a unit of work."""

    def add(self, api_key: ApiKey) -> None:
        """Keep a new key."""
        ...

    async def get(self, api_key_id: UUID, account_id: UUID) -> ApiKey:
        """Return one key of an account.

        Raises:
            ApiKeyNotFoundError: It has no such key.
        """
        ...

    async def find_by_secret_hash(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this digest, or None."""
        ...

    async def find_by_account(self, account_id: UUID) -> Sequence[ApiKey]:
        """Return the keys of an account that were not revoked, newest first."""
        ...

    async def revoke_of_account(self, account_id: UUID, now: datetime) -> int:
        """Revoke every key of an account; return how many."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Remove the keys that expired or were revoked before ``moment``; return how many."""
        ...
