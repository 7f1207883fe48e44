"""Who is asking, checked early: most of what is refused never costs a service anything.

Every service checks again. What goes on is the token itself, never a header that only claims who somebody is.
"""

import hashlib

from chassis.errors import MalformedError, UnauthenticatedError
from chassis.security import InsufficientScopeError, TokenVerifier, bearer_token
from gateway.api.exchanges import Exchange
from gateway.domain.ports import KeyExchange
from gateway.domain.routes import Route


class InvalidApiKeyError(UnauthenticatedError):
    """There is no such API key, or not any more."""

    code = "invalid-api-key"
    title = "The API key is not valid"

    def __init__(self) -> None:
        super().__init__(headers={"www-authenticate": 'Bearer error="invalid_token"'})


class Access:
    """Lets in who has a token, or an API key for one, that covers the route's scopes."""

    def __init__(self, tokens: TokenVerifier, keys: KeyExchange) -> None:
        self._tokens = tokens
        self._keys = keys

    async def check(self, exchange: Exchange, route: Route) -> str:
        """Find out who is asking, and whether the route is open to them.

        Returns:
            What their requests are counted under: the account, or the one API key of it.

        Raises:
            MissingTokenError: Nothing says who it is.
            InvalidTokenError, InvalidApiKeyError: What says so is not valid.
            InsufficientScopeError: It is valid, and not enough.
            UnavailableError: Nobody can tell now.
            MalformedError: Two things say so.
        """
        key = exchange.found.get(b"x-api-key")
        authorization = exchange.found.get(b"authorization")
        if key is None:
            token = bearer_token(authorization.decode("latin-1") if authorization else None)
            counted = ""
        else:
            if authorization is not None:
                raise MalformedError("Send an access token or an API key, not both.")
            token = await self._exchanged(key.decode("latin-1"))
            exchange.authorization = b"Bearer " + token.encode()
            counted = f"key:{hashlib.sha256(key).hexdigest()}"
        principal = self._tokens.verify_cached(token) or await self._tokens.verify(token)
        exchange.principal = principal
        if route.scopes and not principal.scopes.issuperset(route.scopes):
            raise InsufficientScopeError(route.scopes)
        return counted or principal.subject

    async def _exchanged(self, key: str) -> str:
        token = await self._keys.token(key)
        if token is None:
            raise InvalidApiKeyError
        return token
