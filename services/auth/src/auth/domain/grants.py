"""The ways to a token. Each takes an authenticated request and answers it, or raises an OAuth error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from auth.domain import api_keys
from auth.domain.access_tokens import AccessGrant, AccessTokens
from auth.domain.accounts import Account
from auth.domain.audit import entry
from auth.domain.clients import Grant
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.families import FamilyLife, Redemption, RefreshFamily
from auth.domain.guessing import TooManyGuessesError
from auth.domain.oauth import (
    USERS,
    InvalidGrantError,
    InvalidRequestError,
    InvalidTargetError,
    SlowDownError,
    TokenAnswer,
    TokenRequest,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from auth.domain.roles import ScopeRegistry
from auth.domain.signing_in import PasswordCheck
from auth.domain.units import UnitOfWork, Units
from chassis.clock import Clock

API_KEY_TYPE = "urn:tradewind:params:oauth:token-type:api-key"
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a registered name

_WRONG = "The address or the password is wrong, or the account cannot be used."
_SPENT = "The refresh token is not valid (any more)."


class TokenGrant(Protocol):
    """One way to a token."""

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Answer a request, or raise an ``OAuthError``."""
        ...


class TokenEndpoint:
    """Chooses the way that a request names. ``supported`` is what this installation offers."""

    def __init__(self, grants: Mapping[Grant, TokenGrant]) -> None:
        self._grants = grants

    @property
    def supported(self) -> list[str]:
        """The grant types that work here, by name."""
        return sorted(self._grants)

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Answer a token request.

        Raises:
            OAuthError: It is refused.
        """
        name = request.required("grant_type")
        grant = next((each for each in self._grants if each == name), None)
        if grant is None:
            raise UnsupportedGrantTypeError(f"Supported are: {', '.join(self.supported)}.")
        if grant not in request.client.grants:
            raise UnauthorizedClientError(f"{request.client.id} may not use this grant.")
        return await self._grants[grant](request)


@dataclass(frozen=True, slots=True)
class UserTokens:
    """Makes a user's access token, with no more scopes than the roles of the moment give."""

    registry: ScopeRegistry
    tokens: AccessTokens

    def allowed(self, account: Account) -> frozenset[str]:
        """Return what the account may be given now."""
        return self.registry.allowed(account.roles)

    def answer(
        self, account: Account, client_id: str, scopes: frozenset[str], *, refresh_token: str | None = None
    ) -> TokenAnswer:
        """Sign a token and put it beside its refresh token."""
        grant = AccessGrant(str(account.id), client_id, USERS, scopes, frozenset(account.roles))
        token = self.tokens.issue(grant)
        return TokenAnswer(token.value, token.expires_in_seconds, scopes, refresh_token)


class PasswordGrant:
    """RFC 6749, section 4.3: an address and a password, for the one first-party client."""

    def __init__(
        self,
        units: Units,
        check: PasswordCheck,
        users: UserTokens,
        refresh_tokens: DerivedTokens,
        life: FamilyLife,
        clock: Clock,
    ) -> None:
        self._units = units
        self._check = check
        self._users = users
        self._refresh_tokens = refresh_tokens
        self._life = life
        self._clock = clock

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Sign somebody in."""
        email, password = request.required("username"), request.required("password")
        request.refuse_other_audience()
        try:
            account_id = await self._check(email, password, request.caller)
        except TooManyGuessesError as error:
            raise SlowDownError(error.detail, retry_after_seconds=error.retry_after_seconds) from error
        if account_id is None:
            raise InvalidGrantError(_WRONG)
        async with self._units() as uow:
            return await self._begin(uow, account_id, request)

    async def _begin(self, uow: UnitOfWork, account_id: UUID, request: TokenRequest) -> TokenAnswer:
        account = await uow.accounts.find(account_id)
        if account is None or not account.active:
            raise InvalidGrantError(_WRONG)
        scopes = request.scopes(self._users.allowed(account))
        family = RefreshFamily(
            account_id=account.id,
            client_id=request.client.id,
            scopes=scopes,
            now=self._clock.now(),
            life=self._life,
        )
        uow.families.add(family)
        refresh_token = self._refresh_tokens.make(family.newest)
        return self._users.answer(account, request.client.id, scopes, refresh_token=refresh_token)


class RefreshGrant:
    """RFC 6749, section 6, with rotation: the old token is used up, and its reuse ends its family."""

    def __init__(
        self, units: Units, users: UserTokens, refresh_tokens: DerivedTokens, life: FamilyLife, clock: Clock
    ) -> None:
        self._units = units
        self._users = users
        self._refresh_tokens = refresh_tokens
        self._life = life
        self._clock = clock

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Exchange a refresh token for its successor and an access token."""
        name = self._refresh_tokens.read(request.required("refresh_token"))
        request.refuse_other_audience()
        if name is None:
            raise InvalidGrantError(_SPENT)
        async with self._units() as uow:
            answer = await self._redeem(uow, name.id, name.counter, request)
        if answer is None:  # Raised only here, outside: a family that ends has to stay ended.
            raise InvalidGrantError(_SPENT)
        return answer

    async def _redeem(
        self, uow: UnitOfWork, family_id: UUID, generation: int, request: TokenRequest
    ) -> TokenAnswer | None:
        family = await uow.families.lock(family_id)
        account = await uow.accounts.find(family.account_id) if family is not None else None
        if family is None or account is None or not account.active:
            return None
        now = self._clock.now()
        scopes = request.scopes(family.scopes & self._users.allowed(account))
        outcome = family.redeem(generation, request.client.id, now, self._life)
        if outcome is Redemption.REUSED:
            uow.audit.add(entry("refresh-token-reused", request.caller, now, account.id, client=request.client.id))
        if outcome in {Redemption.REUSED, Redemption.REFUSED}:
            return None
        successor = self._refresh_tokens.make(family.newest)
        return self._users.answer(account, request.client.id, scopes, refresh_token=successor)


class ClientCredentialsGrant:
    """RFC 6749, section 4.4, for services: one token per callee (RFC 8707), so that nobody can pass it on."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Give a service its token for one peer."""
        audience = request.audience()
        if audience is None:
            raise InvalidTargetError("Name the service to be called: resource=urn:tradewind:orders.")
        allowed = request.client.audiences.get(audience)
        if allowed is None:
            raise InvalidTargetError(f"{request.client.id} does not ask {audience} anything.")
        scopes = request.scopes(allowed)
        token = self._tokens.issue(AccessGrant(request.client.id, request.client.id, audience, scopes))
        return TokenAnswer(token.value, token.expires_in_seconds, scopes)


class ApiKeyExchange:
    """RFC 8693: an API key for a short user's token with the key's scopes, as far as its owner still has them."""

    def __init__(self, units: Units, users: UserTokens, clock: Clock) -> None:
        self._units = units
        self._users = users
        self._clock = clock

    async def __call__(self, request: TokenRequest) -> TokenAnswer:
        """Exchange a key. What is wrong with it is ``invalid_request``: RFC 8693, section 2.2.2 wants it so."""
        secret = request.required("subject_token")
        if request.required("subject_token_type") != API_KEY_TYPE:
            raise InvalidRequestError(f"Only {API_KEY_TYPE} can be exchanged.")
        if request.parameters.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise InvalidRequestError(f"Only {ACCESS_TOKEN_TYPE} is given in exchange.")
        if "actor_token" in request.parameters:
            raise InvalidRequestError("Delegation is not supported: leave actor_token out.")
        if request.parameters.get("audience", USERS) != USERS:
            raise InvalidTargetError(f"A key's token is for {USERS}.")
        request.refuse_other_audience()
        async with self._units() as uow:
            return await self._exchange(uow, secret, request)

    async def _exchange(self, uow: UnitOfWork, secret: str, request: TokenRequest) -> TokenAnswer:
        now = self._clock.now()
        found = await uow.api_keys.find_by_secret_hash(api_keys.digest(secret))
        account = await uow.accounts.find(found.account_id) if found is not None and found.usable(now) else None
        if found is None or account is None or not account.active:
            raise InvalidRequestError("The API key is not valid.")
        found.use(now)
        scopes = request.scopes(found.scopes & self._users.allowed(account))
        grant = AccessGrant(
            str(account.id), request.client.id, USERS, scopes, frozenset(account.roles), found.expires_at
        )
        token = self._users.tokens.issue(grant)
        return TokenAnswer(token.value, token.expires_in_seconds, scopes, issued_token_type=ACCESS_TOKEN_TYPE)
