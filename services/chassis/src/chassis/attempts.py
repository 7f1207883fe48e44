"""One attempt to ask a peer: own token, bulkhead, breaker, time limit; and what the way it ended means.

``ServiceClient`` (in ``clients``) decides with it whether there is another one.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

import httpx
from prometheus_client import Counter, Histogram

from chassis import context, tracing
from chassis.breaker import Breaker, BreakerOpenError, Call
from chassis.bulkhead import Bulkhead, BulkheadFullError
from chassis.context import WorkContext
from chassis.errors import DeadlineExceededError, ServiceError, UnavailableError
from chassis.http_session import SENDINGS, exchange, never_sent
from chassis.metrics import BUCKETS
from chassis.peer_answers import PeerProblem, problem_of, retry_after_seconds
from chassis.questions import Question
from chassis.retry_budget import RetryBudget

_requests = Counter(
    "tradewind_client_requests_total",
    "Attempts to ask a peer, by the class of the answer's status or by what came instead of an answer.",
    ("peer", "outcome"),
)
_durations = Histogram(
    "tradewind_client_request_duration_seconds",
    "Time from sending a request to a peer to the end of its answer, or of the wait for one.",
    ("peer",),
    buckets=BUCKETS,
)
retries = Counter("tradewind_client_retries_total", "Requests that were sent to a peer once more.", ("peer",))

_AWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_LEAST_SECONDS = 0.001
"""Less is nothing: the header that carries the deadline has whole milliseconds."""
_CONNECT_SECONDS = 2.0
"""A peer that accepts no connection within this is away; its answer may take longer."""


class TokenSource(Protocol):
    """Where a client gets the token that it shows to a peer; see ``service_tokens``."""

    async def token(self, audience: str) -> str:
        """Return a token for the service ``audience``."""
        ...

    def forget(self, audience: str, token: str) -> None:
        """Stop using ``token``: the peer refused it."""
        ...


class PeerUnavailableError(UnavailableError):
    """A peer gave no answer, or said that it cannot give one now.

    ``maybe_done`` is False where the peer cannot have seen the request; otherwise nobody knows whether it had its
    effect. ``problem`` is what the peer said, if it said something.
    """

    def __init__(
        self,
        detail: str,
        *,
        maybe_done: bool = True,
        problem: PeerProblem | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.maybe_done = maybe_done
        self.problem = problem


class UnfinishedError(Exception):
    """An attempt ended without the answer one wants.

    ``outcome`` is what the caller gets if it was the last: an error to raise or an answer to return. ``again`` says
    that another attempt is safe and may help, ``after_seconds`` when the peer would like it.
    """

    def __init__(
        self, outcome: ServiceError | httpx.Response, *, again: bool, after_seconds: float | None = None
    ) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome
        self.again = again
        self.after_seconds = after_seconds


@dataclass(slots=True)
class Asking:
    """A question under way, over all of its attempts. ``ends_at`` is a reading of ``time.monotonic()``."""

    question: Question
    repeatable: bool
    work: WorkContext
    ends_at: float
    attempts: int = 0
    renewed: bool = False
    """Whether a token was refused and fetched anew already."""

    def remaining_seconds(self) -> float:
        """Return the time left for all of it."""
        return self.ends_at - time.monotonic()


class Attempts:
    """Asks one peer once at a time; ``ServiceClient`` describes the arguments."""

    def __init__(
        self,
        peer: str,
        base_url: str,
        *,
        session: httpx.AsyncBaseTransport,
        timeout_seconds: float,
        tokens: TokenSource | None,
        breaker: Breaker,
        bulkhead: Bulkhead,
        budget: RetryBudget,
    ) -> None:
        self._peer = peer
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._timeout_seconds = timeout_seconds
        self._tokens = tokens
        self._breaker = breaker
        self._bulkhead = bulkhead
        self._budget = budget
        self._duration = _durations.labels(peer)

    async def make(self, asking: Asking) -> httpx.Response:
        """Ask once.

        Raises:
            UnfinishedError: No answer, or one that another attempt may better.
            BreakerOpenError, BulkheadFullError, DeadlineExceededError: Nothing was sent.
        """
        asking.attempts += 1
        seconds = min(self._timeout_seconds, asking.remaining_seconds())
        with _attempting(asking.work, f"{asking.question.method} {self._peer}", self._peer, seconds):
            token = await self._own_token(asking)
            try:
                async with self._bulkhead:
                    return await self._send(asking, token)
            except (BulkheadFullError, BreakerOpenError):
                self._count("refused")
                raise

    async def _own_token(self, asking: Asking) -> str | None:
        if self._tokens is None or "authorization" in asking.question.headers:
            return None
        return await self._tokens.token(self._peer)

    async def _send(self, asking: Asking, token: str | None) -> httpx.Response:
        patience = context.current().remaining_seconds() or 0
        if patience < _LEAST_SECONDS:
            self._count("late")
            raise DeadlineExceededError(f"No time is left to ask {self._peer}.")
        request = asking.question.request(self._base_url, token, connect_seconds=min(patience, _CONNECT_SECONDS))
        # A caller in a hurry must not be able to have everybody else's calls refused.
        hurried = patience < self._timeout_seconds / 2
        with self._breaker.call() as verdict:
            try:
                response = await self._exchange(request, patience)
            except TimeoutError as error:
                if hurried:
                    verdict.undecided()
                raise self._timed_out(asking) from error
            except httpx.RequestError as error:
                raise self._lost(asking, error) from error
            return self._judged(asking, response, token, verdict, hurried=hurried)

    async def _exchange(self, request: httpx.Request, patience: float) -> httpx.Response:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(patience):
                return await exchange(self._session, request)
        finally:
            self._duration.observe(time.perf_counter() - started)
            # What aiohttp repeats by itself (an idempotent request, once, when a kept connection drops) costs the same.
            for _ in range(request.extensions.get(SENDINGS, 1) - 1):
                self._budget.spend()
                retries.labels(self._peer).inc()

    def _timed_out(self, asking: Asking) -> ServiceError | UnfinishedError:
        self._count("timeout")
        if asking.work.deadline is not None and asking.remaining_seconds() < _LEAST_SECONDS:
            return DeadlineExceededError(f"{self._peer} did not answer before the deadline.")
        error = PeerUnavailableError(f"{self._peer} did not answer in time.")
        return UnfinishedError(error, again=asking.repeatable)

    def _lost(self, asking: Asking, cause: httpx.RequestError) -> UnfinishedError:
        unseen = never_sent(cause)
        self._count("unreachable" if unseen else "lost")
        sentence = "cannot be reached." if unseen else "did not answer: the connection was lost."
        error = PeerUnavailableError(f"{self._peer} {sentence}", maybe_done=not unseen)
        return UnfinishedError(error, again=asking.repeatable or unseen)

    def _judged(
        self, asking: Asking, response: httpx.Response, token: str | None, verdict: Call, *, hurried: bool
    ) -> httpx.Response:
        """Return the answer if it is one to hand on."""
        status = response.status_code
        self._count(f"{status // 100}xx")
        if status in _AWAY:
            if hurried and status == HTTPStatus.GATEWAY_TIMEOUT:
                verdict.undecided()
            after = retry_after_seconds(response)
            error = PeerUnavailableError(
                f"{self._peer} cannot answer now.", problem=problem_of(response), retry_after_seconds=after
            )
            raise UnfinishedError(error, again=asking.repeatable, after_seconds=after)
        verdict.succeeded()
        if status == HTTPStatus.UNAUTHORIZED and token is not None:
            self._renew_token(asking, response, token)
        return response

    def _renew_token(self, asking: Asking, response: httpx.Response, token: str) -> None:
        """Ask once more with a new token: the keys may have changed, and what was refused had no effect."""
        if self._tokens is not None and not asking.renewed:
            asking.renewed = True
            self._tokens.forget(self._peer, token)
            raise UnfinishedError(response, again=True, after_seconds=0)

    def _count(self, outcome: str) -> None:
        _requests.labels(self._peer, outcome).inc()


@contextmanager
def _attempting(work: WorkContext, name: str, peer: str, seconds: float) -> Iterator[None]:
    """Make the attempt's own context the current one: its deadline, and a span id of its own, traced or not."""
    bounded = replace(work, deadline=time.monotonic() + seconds)
    with context.working(bounded), tracing.span(name, "client", **{"peer.service": peer}):
        own = context.current()
        if own.span_id == work.span_id:
            own = replace(own, span_id=context.new_span_id(), parent_id=work.span_id)
        with context.working(own):
            yield
