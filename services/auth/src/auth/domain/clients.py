"""OAuth clients: our services, and the one first-party program that may ask people for their password.

A service's secret is 256 random bits, so its SHA-256 is kept and not a slow hash: a slow one makes each *guess* dear,
and there is nothing to guess; it would only make every token request dear as well.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chassis.errors import InvalidError

COMMAND_LINE = "tradewind-cli"
"""The public client of people at a terminal."""

SHORTEST_SECRET = 32
"""Characters. Shorter ones were not made by a generator of 256 bits, and a fast hash would not protect them."""


class Grant(StrEnum):
    """The ways to a token, by their registered names."""

    PASSWORD = "password"  # noqa: S105 - the name of a grant
    REFRESH = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant


class ClientSecretTooShortError(InvalidError):
    """A client's secret looks like something a person made up."""

    code = "client-secret-too-short"
    title = "The client's secret is too short"


@dataclass(frozen=True, slots=True)
class ClientEntry:
    """What the registry says of a client: its grants, and the scopes it may ask for, by audience."""

    name: str
    grants: frozenset[Grant]
    audiences: Mapping[str, frozenset[str]]


class Client:
    """One OAuth client; without any secret it is a public one.

    It can have two secrets at a time, so that a secret can be replaced while pods with the old one still run.
    """

    def __init__(self, entry: ClientEntry, *, now: datetime) -> None:
        self.id = entry.name
        self.grants = entry.grants
        self.audiences = dict(entry.audiences)
        self.secret_hashes: tuple[bytes, ...] = ()
        self.updated_at = now

    @property
    def public(self) -> bool:
        """Whether it has no secret to prove itself with: anybody can claim to be it."""
        return self.id == COMMAND_LINE

    def update(self, entry: ClientEntry, secrets: Iterable[str], now: datetime) -> bool:
        """Make it what the registry and the settings say; without a secret there, it keeps the one it has.

        Returns:
            Whether anything changed.

        Raises:
            ClientSecretTooShortError: A secret has less than 32 characters.
        """
        hashes = tuple(_digest(checked_secret(self.id, each)) for each in secrets) or self.secret_hashes
        if (self.grants, self.audiences, self.secret_hashes) == (entry.grants, dict(entry.audiences), hashes):
            return False
        self.grants, self.audiences, self.secret_hashes = entry.grants, dict(entry.audiences), hashes
        self.updated_at = now
        return True

    def proves(self, secret: str) -> bool:
        """Tell whether this is one of its secrets."""
        given = _digest(secret)
        return any([hmac.compare_digest(given, known) for known in self.secret_hashes])  # noqa: C419 - compare all


def checked_secret(name: str, secret: str) -> str:
    """Return a secret that is long enough to be random.

    Raises:
        ClientSecretTooShortError: It is not.
    """
    if len(secret) < SHORTEST_SECRET:
        raise ClientSecretTooShortError(f"The secret of {name} has fewer than {SHORTEST_SECRET} characters.")
    return secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class ClientRepository(Protocol):
    """The clients, inside a unit of work."""

    def add(self, client: Client) -> None:
        """Keep a new client."""
        ...

    async def find(self, client_id: str) -> Client | None:
        """Return a client, or None."""
        ...

    async def lock_all(self) -> list[Client]:
        """Return every client; nobody else changes any until the unit of work ends."""
        ...

    async def remove(self, client: Client) -> None:
        """Forget a client."""
        ...
