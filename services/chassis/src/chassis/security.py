"""Who is asking: access tokens verified offline against the issuer's published keys, and what they allow.

One function decodes tokens, and it checks signature, algorithm, type, issuer, audience and times together.
Sources: RFC 9068 (JWT access tokens), RFC 7517 (JWKS), RFC 6750 (Bearer, ``WWW-Authenticate``), RFC 8725 (practice).
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import orjson
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet
from joserfc.util import urlsafe_b64decode

from chassis import logs
from chassis.clock import Clock, SystemClock
from chassis.errors import ForbiddenError, UnauthenticatedError, UnavailableError

ALGORITHMS = ("ES256",)
USERS = "tradewind"
"""The audience of users' tokens; a service's own token names the one service it is for."""
_LEEWAY_SECONDS = 5
_REMEMBERED_SECONDS = 60
_UNKNOWN = (None, 0)


class MissingTokenError(UnauthenticatedError):
    """The request carries no access token."""


class InvalidTokenError(UnauthenticatedError):
    """The access token is ill-formed, expired, not ours or not for us; which of these is nobody's business."""

    code = "invalid-token"
    title = "The access token is not valid"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"www-authenticate": 'Bearer error="invalid_token"'})


class InsufficientScopeError(ForbiddenError):
    """The token is valid and does not cover this."""

    code = "insufficient-scope"
    title = "The access token does not allow this"

    def __init__(self, scopes: Sequence[str]) -> None:
        wanted = " ".join(scopes)
        challenge = f'Bearer error="insufficient_scope", scope="{wanted}"'
        super().__init__(f"It takes the scope {wanted}.", headers={"www-authenticate": challenge}, scope=wanted)


class KeysUnavailableError(UnavailableError):
    """The issuer's keys cannot be had now, so nobody can tell whether the token is good."""

    code = "keys-unavailable"
    title = "Tokens cannot be verified now"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a verified token speaks for. Times are Unix seconds."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    roles: frozenset[str]
    audience: str
    token_id: str
    issued_at: int
    expires_at: int

    def has(self, *scopes: str) -> bool:
        """Tell whether the token covers all of ``scopes``."""
        return self.scopes.issuperset(scopes)


class KeySource(Protocol):
    """Where public keys come from."""

    async def key(self, kid: str) -> Key | None:
        """Return the key, or None if the issuer has no such key.

        Raises:
            KeysUnavailableError: The issuer could not be asked.
        """
        ...


class RemoteKeys:
    """The issuer's JWKS, fetched once for many and kept while the issuer is away.

    An unknown ``kid`` asks again, at most every ``cooldown_seconds``, so that forged tokens cannot cause a storm.

    Args:
        fetch: Returns the JWKS document (RFC 7517, section 5) or raises ``UnavailableError``.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        refresh_seconds: float = 300,
        cooldown_seconds: float = 5,
    ) -> None:
        self._fetch = fetch
        self._refresh = refresh_seconds
        self._cooldown = cooldown_seconds
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        """Return the key named ``kid``; see ``KeySource``."""
        known = self._keys.get(kid)
        now = time.monotonic()
        if known is None or now - self._fetched_at > self._refresh:
            await self._ask_again(kid)
            known = self._keys.get(kid)
        if known is None and self._failed:
            raise KeysUnavailableError("The issuer's keys could not be fetched.", retry_after_seconds=self._cooldown)
        return known

    async def _ask_again(self, kid: str) -> None:
        asked_at = time.monotonic()
        async with self._lock:
            if kid in self._keys and self._fetched_at >= asked_at:
                return
            if time.monotonic() - self._tried_at < self._cooldown:
                return
            self._tried_at = time.monotonic()
            try:
                document = await self._fetch()
                self._keys = _read_keys(document)
            except (UnavailableError, KeyError, ValueError, JoseError) as error:
                self._failed = True
                logs.get("security").warning("keys not fetched", error=repr(error))
            else:
                self._failed = False
                self._fetched_at = time.monotonic()


def _read_keys(document: Mapping[str, Any]) -> dict[str, Key]:
    keys = KeySet.import_key_set({"keys": document["keys"]})
    return {key.kid: key for key in keys if key.kid and isinstance(key, ECKey)}


class TokenVerifier:
    """Verifies access tokens, and remembers the good ones by hash.

    A remembered token is verified again every minute, so that a key which its issuer has taken back, after a
    compromise, ends its tokens as soon as the keys are fetched anew.

    Args:
        audiences: Accepted values of ``aud``; one is enough.
        cache_size: How many verified tokens to remember; one takes about 1 kB. With 0 each is verified every time.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audiences: Sequence[str],
        keys: KeySource,
        clock: Clock | None = None,
        cache_size: int = 10_000,
    ) -> None:
        self._audiences = frozenset(audiences)
        self._keys = keys
        self._clock = None if isinstance(clock, SystemClock) else clock
        self._cache: dict[bytes, tuple[Principal, int]] = {}
        self._cache_size = cache_size
        self._issuer = issuer

    def verify_cached(self, token: str) -> Principal | None:
        """Return who a token speaks for if it was verified lately and has not expired."""
        principal, good_until = self._cache.get(_digest(token), _UNKNOWN)
        return principal if good_until > self._now() else None

    async def verify(self, token: str) -> Principal:
        """Return who ``token`` speaks for.

        Raises:
            InvalidTokenError: It is not a valid access token of our issuer for one of our audiences.
            KeysUnavailableError: Its key is unknown here and the issuer cannot be asked.
        """
        return self.verify_cached(token) or self._remember(token, await self._decode(token))

    def forget(self, subject: str) -> None:
        """Drop every remembered token of ``subject``."""
        self._cache = {digest: each for digest, each in self._cache.items() if each[0].subject != subject}

    def _remember(self, token: str, principal: Principal) -> Principal:
        if len(self._cache) >= self._cache_size:
            self._cache.pop(next(iter(self._cache), b""), None)
        if self._cache_size:
            good_until = min(principal.expires_at, self._now() + _REMEMBERED_SECONDS)
            self._cache[_digest(token)] = principal, good_until
        return principal

    async def _decode(self, token: str) -> Principal:
        key = await self._keys.key(_kid(token))
        if key is None:
            raise InvalidTokenError("It is signed with a key that the issuer does not have.")
        try:
            decoded = jwt.decode(token, key, algorithms=ALGORITHMS)
            self._claims().validate(decoded.claims)
            return _to_principal(decoded.claims, self._audiences)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidTokenError from error

    def _claims(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=self._now,
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "values": list(self._audiences)},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )

    def _now(self) -> int:
        return int(time.time() if self._clock is None else self._clock.now().timestamp())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("latin-1", "replace")).digest()


def _kid(token: str) -> str:
    """Read the key's name from the header, after refusing every algorithm and type that is not ours."""
    try:
        header = orjson.loads(urlsafe_b64decode(token.split(".", 1)[0].encode("ascii")))
        acceptable = header["alg"] in ALGORITHMS and str(header["typ"]).lower() in ("at+jwt", "application/at+jwt")
        kid = header["kid"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTokenError("It is not a JWT access token.") from error
    if not acceptable or not isinstance(kid, str):
        raise InvalidTokenError("It is not a JWT access token.")
    return kid


def _to_principal(claims: Mapping[str, Any], audiences: frozenset[str]) -> Principal:
    given = claims["aud"]
    audience = next(each for each in ([given] if isinstance(given, str) else given) if each in audiences)
    return Principal(
        subject=claims["sub"],
        client_id=claims["client_id"],
        scopes=frozenset(claims.get("scope", "").split()),
        roles=frozenset(claims.get("roles", ())),
        audience=audience,
        token_id=claims["jti"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
    )


def bearer_token(authorization: str | None) -> str:
    """Return the token of an ``Authorization`` header.

    Raises:
        MissingTokenError: There is no such header, or it uses another scheme.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingTokenError("Send an access token: Authorization: Bearer …")
    return token.strip()


class Bearer:
    """A dependency that verifies the request's token and wants ``scopes``; ``documents`` describes it.

    Not one of FastAPI's security classes: their cache key is worked out anew for each request.
    """

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes = tuple(scopes)

    async def __call__(self, request: Request) -> Principal:
        """Return who is asking; see ``TokenVerifier.verify`` for what may be refused."""
        token = bearer_token(request.headers.get("authorization"))
        verifier: TokenVerifier = request.app.state.tokens
        principal = verifier.verify_cached(token) or await verifier.verify(token)
        request.scope["principal"] = principal.subject
        request.scope["log"] = {"principal": principal.subject}
        if not principal.has(*self.scopes):
            raise InsufficientScopeError(self.scopes)
        return principal


def requires(*scopes: str) -> Any:
    """Return a dependency on a token that covers all of ``scopes``."""
    return Depends(Bearer(scopes))


CurrentPrincipal = Annotated[Principal, Depends(Bearer())]
"""Whoever is asking, whatever the token's scopes."""
