"""This service's own access tokens: one per peer, fetched from auth, kept, and renewed before they end.

Sources: RFC 6749, section 4.4 (client credentials) and 2.3.1 (HTTP Basic); RFC 8707 (``resource`` names the audience).
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote_plus, urlsplit

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from chassis import context, logs
from chassis.breaker import Breaker
from chassis.clients import ServiceClient, unexpected
from chassis.context import WorkContext
from chassis.errors import DeadlineExceededError, ServiceError
from chassis.settings import ClientSettings
from chassis.tasks import end

_UNUSED_SECONDS = 30
"""A token is not shown any more this long before it ends: the call itself takes time, and clocks differ."""
_RENEWED_SECONDS = 60
"""A token in use is renewed in the background when this much is left of it."""
_LAST_SECONDS = 5
"""While auth is away a token goes on until so much is left of it."""
_PAUSE_SECONDS = 5
"""Between two attempts to renew in the background."""

_log = logs.get("service_tokens")


class _TokenAnswer(BaseModel):
    """The part of a token endpoint's answer that matters here (RFC 6749, section 5.1)."""

    access_token: SecretStr
    expires_in: int


@dataclass(slots=True)
class _Token:
    """A token; the times are readings of the monotonic clock."""

    value: str = field(repr=False)
    renew_at: float
    unused_at: float
    last_at: float


class ServiceTokens:
    """Hands out this service's token for a peer, without asking auth if it can.

    One fetch per audience is under way at a time, whoever waits for it. A token in use is renewed in the background
    when its last minute begins; while auth is away the one there is goes on until it ends.

    Args:
        settings: Where auth's token endpoint is, and this client's secret.
        name: This service's name, which is its ``client_id``.
        session: The process's ``HttpSession``; in tests any httpx transport.
        breaker: Auth's, where this process has one.
        scopes: What the token for each audience shall allow; an audience that is not named gets what auth gives.
        monotonic: Tells the seconds that passed; tests give their own.
    """

    def __init__(
        self,
        settings: ClientSettings,
        name: str,
        *,
        session: httpx.AsyncBaseTransport,
        breaker: Breaker | None = None,
        scopes: Mapping[str, Iterable[str]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        endpoint = urlsplit(settings.token_url)
        self._path = endpoint.path
        self._auth = ServiceClient(
            "auth", f"{endpoint.scheme}://{endpoint.netloc}", session=session, retries=settings.retries, breaker=breaker
        )
        credentials = f"{quote_plus(name)}:{quote_plus(settings.secret.get_secret_value())}"
        self._authorization = f"Basic {b64encode(credentials.encode()).decode()}"
        self._scopes = {audience: " ".join(wanted) for audience, wanted in (scopes or {}).items()}
        self._monotonic = monotonic
        self._tokens: dict[str, _Token] = {}
        self._fetches: dict[str, asyncio.Task[str]] = {}
        self._without: set[str] = set()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Self]:
        """End what is being fetched when the service stops; use it inside the session's."""
        try:
            yield self
        finally:
            await end(*self._fetches.values())

    async def token(self, audience: str) -> str:
        """Return a token that the service ``audience`` accepts for some time yet.

        Raises:
            UnavailableError: There is none, and auth is away.
            DeadlineExceededError: The deadline of the work under way came before the token.
            UnexpectedAnswerError: Auth refuses us: the client, its secret or a scope is not what auth knows.
        """
        known = self._tokens.get(audience)
        now = self._monotonic()
        if known is None or now >= known.unused_at:
            return await self._fetched(audience, known)
        if now >= known.renew_at:
            known.renew_at = now + _PAUSE_SECONDS
            self._fetch(audience)
        return known.value

    def forget(self, audience: str, token: str) -> None:
        """Fetch a new token next time: the audience refused this one."""
        known = self._tokens.get(audience)
        if known is not None and known.value == token:
            del self._tokens[audience]

    async def _fetched(self, audience: str, known: _Token | None) -> str:
        # Shielded, because others may be waiting for it too: a caller that gives up takes nothing from them.
        fetch = asyncio.shield(self._fetch(audience))
        try:
            async with asyncio.timeout(context.current().remaining_seconds()):
                return await fetch
        except ServiceError:
            if known is not None and self._monotonic() < known.last_at:
                return known.value
            raise
        except TimeoutError:
            raise DeadlineExceededError("No token was had before the deadline.") from None

    def _fetch(self, audience: str) -> asyncio.Task[str]:
        """Return the fetch that is under way, or begin one."""
        fetch = self._fetches.get(audience)
        if fetch is None:
            # It goes on when its first caller gives up: of that one's context it keeps nothing but the trace.
            work = replace(context.current(), deadline=None)
            fetch = asyncio.create_task(self._ask(audience, work), name=f"token-{audience}", context=Context())
            self._fetches[audience] = fetch
            fetch.add_done_callback(lambda done: self._finish(audience, done))
        return fetch

    def _finish(self, audience: str, fetch: asyncio.Task[str]) -> None:
        del self._fetches[audience]
        error = None if fetch.cancelled() else fetch.exception()
        if error is None:
            self._without.discard(audience)
        elif audience not in self._without:
            # Once until there is one again: while auth is away, every request would say so.
            self._without.add(audience)
            _log.warning("no token", audience=audience, error=repr(error))

    async def _ask(self, audience: str, work: WorkContext) -> str:
        form = {"grant_type": "client_credentials", "resource": f"urn:tradewind:{audience}"}
        if scope := self._scopes.get(audience):
            form["scope"] = scope
        asked_at = self._monotonic()
        headers = {"authorization": self._authorization}
        with context.working(work):
            response = await self._auth.request("POST", self._path, form=form, headers=headers, repeatable=True)
        if response.status_code != httpx.codes.OK:
            raise unexpected(response)
        try:
            answer = _TokenAnswer.model_validate_json(response.content)
        except ValidationError:
            raise unexpected(response) from None
        value = answer.access_token.get_secret_value()
        self._tokens[audience] = _kept(value, asked_at, answer.expires_in)
        return value


def _kept(value: str, asked_at: float, lifetime: int) -> _Token:
    """Work out until when a token is used; one that lives shortly keeps shorter distances."""
    ends_at = asked_at + lifetime
    return _Token(
        value,
        renew_at=ends_at - min(_RENEWED_SECONDS, lifetime / 2),
        unused_at=ends_at - min(_UNUSED_SECONDS, lifetime / 4),
        last_at=ends_at - min(_LAST_SECONDS, lifetime / 8),
    )
