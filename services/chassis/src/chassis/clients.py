"""Asking another service: deadline, retries, breaker, bulkhead, own token and trace headers in one client.

::

    session = HttpSession()                                    # one per process; opened by its lifespan()
    catalog = ServiceClient("catalog", "http://catalog", session=session, tokens=tokens)

    response = await catalog.request("GET", f"/v1/products/{product_id}")
    if response.status_code == 404: raise ProductNotFoundError(product_id=str(product_id))
    if response.status_code != 200: raise unexpected(response)

A call is refused while a unit of work is open: a transaction must not wait for the network.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx
import stamina
from stamina.instrumentation import set_on_retry_hooks

from chassis import context
from chassis.attempts import Asking, Attempts, PeerUnavailableError, TokenSource, UnfinishedError, retries
from chassis.breaker import Breaker
from chassis.bulkhead import Bulkhead
from chassis.http_session import HttpSession
from chassis.peer_answers import (
    PeerProblem,
    UnexpectedAnswerError,
    is_in_progress,
    problem_of,
    retry_after_seconds,
    unexpected,
)
from chassis.questions import Question
from chassis.retry_budget import RetryBudget
from chassis.transactions import open_unit

__all__ = [
    "HttpSession",
    "PeerProblem",
    "PeerUnavailableError",
    "ServiceClient",
    "TokenSource",
    "UnexpectedAnswerError",
    "problem_of",
    "unexpected",
]

# Retries are counted here; stamina would add a metric and log lines of its own.
set_on_retry_hooks(())

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


class ServiceClient:
    """Asks one peer.

    Args:
        name: The peer's name: label of the metrics, audience of the token.
        base_url: Scheme, host and port, perhaps the beginning of a path.
        session: The process's ``HttpSession``; in tests any httpx transport.
        timeout_seconds: For one attempt. The deadline of the work under way bounds it, and all attempts together.
        retries: Attempts after the first.
        tokens: Where its own token comes from; None shows none.
        breaker: One of its own by default, like bulkhead and budget.
        bulkhead: Bounds the calls under way.
        budget: Bounds the share of retries.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        session: httpx.AsyncBaseTransport,
        timeout_seconds: float = 5,
        retries: int = 2,
        tokens: TokenSource | None = None,
        breaker: Breaker | None = None,
        bulkhead: Bulkhead | None = None,
        budget: RetryBudget | None = None,
    ) -> None:
        self.name = name
        self._timeout_seconds = timeout_seconds
        self._most_attempts = retries + 1
        self._budget = budget or RetryBudget()
        self._attempts = Attempts(
            name,
            base_url,
            session=session,
            timeout_seconds=timeout_seconds,
            tokens=tokens,
            breaker=breaker or Breaker(name),
            bulkhead=bulkhead or Bulkhead(name),
            budget=self._budget,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str | int | UUID | None] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        repeatable: bool = False,
    ) -> httpx.Response:
        """Ask the peer, again if that is safe and may help, within the deadline of the work under way.

        GET, HEAD, PUT, DELETE, and anything with an idempotency key, are repeated when no answer came or the peer said
        502, 503 or 504 (its ``Retry-After`` is kept to); other requests only if the peer cannot have seen them. While
        the peer is busy with an earlier request under the same key, it is asked again until that is done.

        Args:
            method: In upper case.
            path: Begins with ``/``; parts that come from outside must be quoted.
            json: The body: whatever orjson takes, so dates and UUIDs too.
            form: The body as ``application/x-www-form-urlencoded``, instead of ``json``.
            params: The query; None values are left out.
            headers: More headers; an ``authorization`` among them goes instead of our own token.
            idempotency_key: Sent as ``Idempotency-Key``; makes a POST repeatable.
            repeatable: Says that doing it twice does no harm, though it is a POST without a key.

        Returns:
            The answer, whatever its status, except 502, 503 and 504; its body is read.

        Raises:
            UnavailableError: No answer, or the peer is away (``PeerUnavailableError``), is being left alone
                (``BreakerOpenError``) or has too many of our calls (``BulkheadFullError``).
            DeadlineExceededError: The deadline came first. If it had passed before, nothing was sent.
            RuntimeError: A unit of work is open.
        """
        if open_unit.get():
            raise RuntimeError(f"{method} {self.name}{path} while a unit of work is open: ask before it, or after it.")
        asking = self._begin(
            Question.of(
                method, path, json=json, form=form, params=params, headers=headers, idempotency_key=idempotency_key
            ),
            repeatable=repeatable or idempotency_key is not None or method in _IDEMPOTENT,
        )
        response = await self._ask(asking)
        while is_in_progress(response):
            await self._let_the_first_finish(asking, response)
            response = await self._ask(asking)
        return response

    def _begin(self, question: Question, *, repeatable: bool) -> Asking:
        self._budget.earn()
        work = context.current()
        ends_at = work.deadline
        if ends_at is None:
            ends_at = time.monotonic() + self._timeout_seconds * self._most_attempts
        return Asking(question, repeatable, work, ends_at)

    async def _ask(self, asking: Asking) -> httpx.Response:
        """Make one attempt, and more where that is safe, may help and is affordable."""
        asking.attempts = 0
        attempts = stamina.retry_context(
            on=lambda error: self._pause_before_next(asking, error),
            attempts=self._most_attempts,
            # A second bound: the pauses are refused as soon as they would not fit before the end.
            timeout=max(0, asking.remaining_seconds()) + self._timeout_seconds,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    return await self._attempts.make(asking)
        except UnfinishedError as unfinished:
            if isinstance(unfinished.outcome, httpx.Response):
                return unfinished.outcome
            raise unfinished.outcome from unfinished.__cause__
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _pause_before_next(self, asking: Asking, error: Exception) -> bool | float:
        """Return the seconds to wait before the next attempt, or False if there shall be none."""
        if not isinstance(error, UnfinishedError) or not error.again or asking.attempts >= self._most_attempts:
            return False
        pause = error.after_seconds
        if pause is None:
            longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (asking.attempts - 1))
            pause = random.uniform(longest / 2, longest)  # noqa: S311 - it spreads load and guards nothing
        if pause > self._timeout_seconds or pause >= asking.remaining_seconds() or not self._budget.spend():
            return False
        retries.labels(self.name).inc()
        return pause

    async def _let_the_first_finish(self, asking: Asking, response: httpx.Response) -> None:
        pause = max(_FIRST_PAUSE_SECONDS, retry_after_seconds(response) or 0)
        if pause >= asking.remaining_seconds():
            raise PeerUnavailableError(
                f"{self.name} is still busy with an earlier request under the same key.",
                problem=problem_of(response),
                retry_after_seconds=pause,
            )
        await asyncio.sleep(pause)
