"""Who a client is, and what can be done with tokens besides getting them: revoke and introspect."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from auth.domain.access_tokens import AccessTokens
from auth.domain.audit import entry
from auth.domain.callers import Caller
from auth.domain.clients import Client
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.oauth import (
    USERS,
    InvalidClientError,
    InvalidGrantError,
    UnauthorizedClientError,
    UnsupportedTokenTypeError,
)
from auth.domain.units import Units
from chassis.clock import Clock


class ClientAuthentication:
    """Finds out which client asks (RFC 6749, section 2.3)."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, client_id: str | None, secret: str | None) -> Client:
        """Return the client.

        Raises:
            InvalidClientError: It is unknown, its secret is wrong or missing, or it has none and shows one.
        """
        async with self._units() as uow:
            client = await uow.clients.find(client_id) if client_id else None
        if client is None:
            raise InvalidClientError("The client is unknown.")
        if not (secret is None if client.public else secret is not None and client.proves(secret)):
            raise InvalidClientError("The client did not prove to be itself.")
        return client


class Revocation:
    """RFC 7009: ends the family of a refresh token at once. Access tokens end by themselves, within minutes."""

    def __init__(self, units: Units, refresh_tokens: DerivedTokens, clock: Clock) -> None:
        self._units = units
        self._refresh_tokens = refresh_tokens
        self._clock = clock

    async def __call__(self, client: Client, token: str, caller: Caller) -> None:
        """Revoke; a token that we do not know is as good as revoked.

        Raises:
            InvalidGrantError: The token is another client's.
            UnsupportedTokenTypeError: It is an access token.
        """
        name = self._refresh_tokens.read(token)
        if name is None:
            if token.count(".") == 2:  # noqa: PLR2004 - the three parts of a JWT
                raise UnsupportedTokenTypeError("An access token cannot be revoked; it ends within minutes.")
            return
        now = self._clock.now()
        async with self._units() as uow:
            family = await uow.families.lock(name.id)
            if family is None:
                return
            if family.client_id != client.id:
                raise InvalidGrantError("The token belongs to another client.")
            family.end("revoked", now)
            uow.audit.add(entry("refresh-token-revoked", caller, now, family.account_id, client=client.id))


class Introspection:
    """RFC 7662, for services: the claims of an access token that is meant for the one who asks, and still good.

    Unlike a check offline, it knows of accounts that were closed or suspended a moment ago. Refresh tokens are nobody's
    business but ours.
    """

    def __init__(self, units: Units, tokens: AccessTokens) -> None:
        self._units = units
        self._tokens = tokens

    async def __call__(self, client: Client, token: str) -> Mapping[str, Any] | None:
        """Return the claims, or None if the token is of no use to this client.

        Raises:
            UnauthorizedClientError: The client is a public one.
        """
        if client.public:
            raise UnauthorizedClientError("Only services may introspect.")
        claims = await self._tokens.read(token)
        if claims is None or claims["aud"] not in {USERS, client.id}:
            return None
        if claims["aud"] == USERS and not await self._in_use(claims["sub"]):
            return None
        return claims

    async def _in_use(self, subject: str) -> bool:
        async with self._units() as uow:
            account = await uow.accounts.find(UUID(subject))
        return account is not None and account.active
