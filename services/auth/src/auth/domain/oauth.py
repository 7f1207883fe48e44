"""The language of the OAuth endpoints: requests, answers, and the errors that the RFCs name.

These errors are no ``ServiceError``s: clients of an OAuth endpoint expect the RFCs' JSON, not our problem documents.
Sources: RFC 6749 (section 5), RFC 7009, RFC 8628 (``slow_down``), RFC 8693, RFC 8707 (``invalid_target``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from auth.domain.callers import Caller
from auth.domain.clients import Client

USERS = "tradewind"
"""The audience of users' tokens."""

RESOURCE_PREFIX = "urn:tradewind:"
"""What a ``resource`` parameter (RFC 8707) begins with; the audience follows."""


class OAuthError(Exception):
    """A refusal in OAuth's own words: ``error`` is the registered code, ``description`` a sentence for a developer."""

    error: ClassVar[str]

    def __init__(self, description: str, *, retry_after_seconds: float | None = None) -> None:
        self.description = description
        self.retry_after_seconds = retry_after_seconds
        super().__init__(description)


class InvalidRequestError(OAuthError):
    """A parameter is missing, repeated or ill-formed."""

    error = "invalid_request"


class InvalidClientError(OAuthError):
    """The client is unknown or did not prove to be itself."""

    error = "invalid_client"


class InvalidGrantError(OAuthError):
    """The password, code or refresh token is wrong, used, expired or somebody else's."""

    error = "invalid_grant"


class UnauthorizedClientError(OAuthError):
    """The client may not use this way to a token."""

    error = "unauthorized_client"


class UnsupportedGrantTypeError(OAuthError):
    """No such way to a token."""

    error = "unsupported_grant_type"


class InvalidScopeError(OAuthError):
    """A scope is unknown, ill-formed or more than may be given."""

    error = "invalid_scope"


class InvalidTargetError(OAuthError):
    """The resource is missing, unknown, or not this client's to ask for."""

    error = "invalid_target"


class UnsupportedTokenTypeError(OAuthError):
    """Tokens of this kind cannot be revoked."""

    error = "unsupported_token_type"


class SlowDownError(OAuthError):
    """Too many attempts."""

    error = "slow_down"


class TemporarilyUnavailableError(OAuthError):
    """Not now; asking again later is safe."""

    error = "temporarily_unavailable"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to the token endpoint, its client authenticated.

    ``parameters`` hold each name once and no empty value; ``resources`` is the one parameter that may be repeated.
    """

    client: Client
    parameters: Mapping[str, str]
    resources: Sequence[str]
    caller: Caller

    def required(self, name: str) -> str:
        """Return a parameter.

        Raises:
            InvalidRequestError: It is missing.
        """
        if name not in self.parameters:
            raise InvalidRequestError(f"The parameter {name} is missing.")
        return self.parameters[name]

    def audience(self) -> str | None:
        """Return whom the token is wanted for, or None where the request does not say.

        Raises:
            InvalidTargetError: It names several, or nothing of ours.
        """
        if not self.resources:
            return None
        if len(self.resources) > 1:
            raise InvalidTargetError("A token is for one resource; ask for one at a time.")
        if not self.resources[0].startswith(RESOURCE_PREFIX):
            raise InvalidTargetError(f"A resource looks like {RESOURCE_PREFIX}orders.")
        return self.resources[0].removeprefix(RESOURCE_PREFIX)

    def scopes(self, allowed: frozenset[str]) -> frozenset[str]:
        """Return the scopes to give: what is asked for, or all that is allowed where nothing is.

        Raises:
            InvalidScopeError: More is asked for than is allowed.
        """
        asked = self.parameters.get("scope")
        if asked is None:
            return allowed
        wanted = frozenset(asked.split(" ")) - {""}
        if refused := wanted - allowed:
            raise InvalidScopeError(f"Not available to this request: {len(refused)} of the scopes.")
        return wanted

    def refuse_other_audience(self) -> None:
        """Insist that a user's token is asked for.

        Raises:
            InvalidTargetError: The request names another audience.
        """
        if self.audience() not in (None, USERS):
            raise InvalidTargetError(f"A user's token is for {RESOURCE_PREFIX}{USERS}.")


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What the token endpoint gives."""

    access_token: str
    expires_in_seconds: int
    scopes: frozenset[str]
    refresh_token: str | None = None
    issued_token_type: str | None = None
