"""API keys become access tokens: a token exchange with auth (RFC 8693), once per key and token lifetime."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from chassis import context, logs
from gateway.clients.sockets import Session
from gateway.domain.ports import ServiceAwayError

_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_KEY_TYPE: Final = "urn:tradewind:params:oauth:token-type:api-key"
_NOT_A_KEY: Final = frozenset({"invalid_grant", "invalid_request"})
_LONGEST_KEY: Final = 512
_log = logs.get("keys")


class TokenExchange:
    """Asks auth for the token behind an API key, and remembers it until shortly before it expires.

    Remembered by the key's SHA-256, so that keys are in memory only while they are asked about. That there is no such
    key is remembered too, briefly. However many requests come with one key, auth is asked once.

    Args:
        token_url: Auth's token endpoint.
        secret: Of the OAuth client ``gateway``.
        seconds: For one question.
        monotonic: Tells the seconds that passed; tests give their own.
    """

    def __init__(
        self,
        session: Session,
        *,
        token_url: str,
        secret: SecretStr,
        seconds: float = 3,
        early_seconds: float = 30,
        refused_seconds: float = 10,
        size: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._url = token_url
        self._authorization = aiohttp.encode_basic_auth("gateway", secret.get_secret_value())
        self._seconds = seconds
        self._early = early_seconds
        self._refused = refused_seconds
        self._size = size
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[str | None, float]] = {}
        self._asking: dict[bytes, asyncio.Task[str | None]] = {}

    async def token(self, key: str) -> str | None:
        """Return a token for the key's owner, None if there is no such key; see ``KeyExchange``."""
        if not key or len(key) > _LONGEST_KEY:
            return None
        digest = hashlib.sha256(key.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, key))
        # One caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    async def _ask(self, digest: bytes, key: str) -> str | None:
        try:
            token, seconds = await self._exchange(key)
        finally:
            del self._asking[digest]
        if len(self._known) >= self._size:
            self._known.pop(next(iter(self._known)))
        self._known[digest] = (token, self._monotonic() + seconds)
        return token

    async def _exchange(self, key: str) -> tuple[str | None, float]:
        """Ask, and return the token and for how many seconds the answer holds."""
        form = {"grant_type": _GRANT, "subject_token": key, "subject_token_type": _KEY_TYPE}
        headers = {
            **context.outgoing_headers(),
            "authorization": self._authorization,
            "accept": "application/json",
        }
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.aiohttp.post(self._url, data=form, headers=headers, allow_redirects=False) as response,
            ):
                return self._read(response.status, await response.json(content_type=None))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ServiceAwayError("API keys cannot be checked now.", retry_after_seconds=1) from error

    def _read(self, status: int, answer: dict[str, Any]) -> tuple[str | None, float]:
        if status == HTTPStatus.OK:
            return str(answer["access_token"]), max(0.0, float(answer.get("expires_in", 0)) - self._early)
        if status == HTTPStatus.BAD_REQUEST and answer.get("error") in _NOT_A_KEY:
            return None, self._refused
        _log.error("key exchange refused", status=status, error=answer.get("error"))
        raise ServiceAwayError("API keys cannot be checked now.", retry_after_seconds=1)
