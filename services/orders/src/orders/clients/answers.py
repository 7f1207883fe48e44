"""What a peer's answer, or its silence, means to a saga."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from chassis import logs
from chassis.clients import ServiceClient, problem_of
from chassis.errors import ServiceError
from chassis.peer_answers import retry_after_seconds
from orders.domain.sagas import Done, Later, Outcome, Refused

_log = logs.get("peers")

_BUSY = frozenset({"payment-pending"})
"""An earlier step has not been answered by the provider yet."""
_GOOD = frozenset({HTTPStatus.OK, HTTPStatus.CREATED})


class Steps:
    """Calls that a saga makes of one peer: each is a PUT, which may be repeated for ever."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def put(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        good: frozenset[str] = frozenset(),
        bad: Mapping[str, str] | None = None,
        refusals: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Make one call, and never raise for what came of it.

        Args:
            good: The states in an answer that mean it is done; empty where the status alone says so.
            bad: The states that mean a refusal, and the code that an order is given for each.
            refusals: The same for the codes of problems.
        """
        try:
            response = await self._client.request("PUT", path, json=body or {})
        except ServiceError as error:
            return Later(f"{error.code}: {error.detail}", error.retry_after_seconds)
        if response.status_code == HTTPStatus.ACCEPTED:
            return Later(_pending(response), retry_after_seconds(response) or 1)
        if response.status_code in _GOOD:
            return _by_state(response, good, bad or {})
        return self._by_problem(response, refusals or {})

    def _by_problem(self, response: httpx.Response, refusals: Mapping[str, str]) -> Outcome:
        problem = problem_of(response)
        if problem is not None and problem.code in refusals:
            return Refused(refusals[problem.code], problem.detail)
        code = problem.code if problem else None
        if code in _BUSY:
            return Later(f"{self._client.name} is at it: {code}", retry_after_seconds(response) or 1)
        _log.error("unexpected answer", peer=self._client.name, status=response.status_code, code=code)
        return Later(f"{self._client.name} answered {response.status_code} {code or ''}".strip())


def _pending(response: httpx.Response) -> str:
    """Say what is waited for, and why, where the peer knows."""
    code = response.json().get("decline_code")
    return f"pending: {code}" if code else "pending"


def _by_state(response: httpx.Response, good: frozenset[str], bad: Mapping[str, str]) -> Outcome:
    if not good:
        return Done()
    document = response.json()
    state = document.get("state")
    if state in good:
        return Done()
    if state in bad:
        return Refused(bad[state], document.get("decline_code") or f"The state is {state}.")
    why = document.get("code")
    return Later(f"the state is {state}: {why}" if why else f"the state is {state}", 1)
