"""Access tokens, as the domain sees them: what goes in, and what can be read from one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What a token is to say. It ends after the usual life, or at ``not_after`` if that is sooner."""

    subject: str
    client_id: str
    audience: str
    scopes: frozenset[str]
    roles: frozenset[str] = frozenset()
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token and how long it lives."""

    value: str
    expires_in_seconds: int


class AccessTokens(Protocol):
    """Makes and reads access tokens."""

    def issue(self, grant: AccessGrant) -> AccessToken:
        """Sign a token.

        Raises:
            NoSigningKeyError: There is no key to sign with.
        """
        ...

    async def read(self, token: str) -> Mapping[str, Any] | None:
        """Return the claims of a token of ours that is valid now, whomever it is for; None for anything else."""
        ...
