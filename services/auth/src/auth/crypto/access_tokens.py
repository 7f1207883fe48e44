"""Access tokens as signed JWTs (RFC 9068)."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from joserfc import jwt

from auth.crypto.keyring import ALGORITHM, Keyring
from auth.domain.access_tokens import AccessGrant, AccessToken
from chassis.clock import Clock
from chassis.security import InvalidTokenError, TokenVerifier

LIFE = timedelta(minutes=10)
_ID_BYTES = 16


class SignedAccessTokens:
    """The ``AccessTokens``: signs with the keyring, reads what it signed.

    Args:
        verifier: Accepts every audience there is.
    """

    def __init__(self, *, issuer: str, keyring: Keyring, verifier: TokenVerifier, clock: Clock) -> None:
        self._issuer = issuer
        self._keyring = keyring
        self._verifier = verifier
        self._clock = clock

    def issue(self, grant: AccessGrant) -> AccessToken:
        """Sign a token; see the port."""
        key = self._keyring.signer()
        now = self._clock.now()
        ends_at = now + LIFE if grant.not_after is None else min(now + LIFE, grant.not_after)
        issued, expires = int(now.timestamp()), int(ends_at.timestamp())
        claims = {
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": grant.audience,
            "client_id": grant.client_id,
            "scope": " ".join(sorted(grant.scopes)),
            "roles": sorted(grant.roles),
            "jti": secrets.token_urlsafe(_ID_BYTES),
            "iat": issued,
            "nbf": issued,
            "exp": expires,
        }
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": str(key.kid)}
        return AccessToken(jwt.encode(header, claims, key), expires - issued)

    async def read(self, token: str) -> Mapping[str, Any] | None:
        """Return a token's claims; see the port."""
        try:
            principal = await self._verifier.verify(token)
        except InvalidTokenError:
            return None
        return {
            "iss": self._issuer,
            "sub": principal.subject,
            "aud": principal.audience,
            "client_id": principal.client_id,
            "scope": " ".join(sorted(principal.scopes)),
            "roles": sorted(principal.roles),
            "jti": principal.token_id,
            "iat": principal.issued_at,
            "exp": principal.expires_at,
        }
