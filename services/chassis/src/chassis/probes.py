"""``/livez`` says that the event loop turns, ``/readyz`` that this replica should receive requests.

Liveness never asks anything: a restart heals no dependency. Readiness asks the service's own database and schema,
never a peer: one service away must not take its callers out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from chassis.errors import ServiceError

Check = Callable[[], Awaitable[None]]
_CHECK_SECONDS = 2.0
_CACHED_SECONDS = 1.0


class Liveness(BaseModel):
    """The answer of ``/livez``."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """The answer of ``/readyz``: each check's name and ``ok``, or why not."""

    status: Literal["ready", "not ready", "draining"]
    checks: dict[str, str]


class Probes:
    """The two probes of one service; a result is remembered for a second, whoever asks."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._draining = False
        self._checked_at = float("-inf")
        self._found: dict[str, str] = {}
        self.router = APIRouter(tags=["probes"], include_in_schema=False)
        self.router.add_api_route("/livez", self.livez)
        self.router.add_api_route("/readyz", self.readyz, response_model=Readiness)

    def add(self, name: str, check: Check) -> None:
        """Let ``check`` decide readiness too: it returns, or raises."""
        self._checks[name] = check

    def drain(self) -> None:
        """Fail readiness from now on, so that no new requests come; liveness stays."""
        self._draining = True

    async def livez(self) -> Liveness:
        """Answer."""
        return Liveness()

    async def readyz(self, response: Response) -> Readiness:
        """Check everything this replica needs of its own."""
        if self._draining:
            response.status_code = 503
            return Readiness(status="draining", checks={})
        if time.monotonic() - self._checked_at > _CACHED_SECONDS:
            results = await asyncio.gather(*(_result(check) for check in self._checks.values()))
            self._found = dict(zip(self._checks, results, strict=True))
            self._checked_at = time.monotonic()
        ready = all(result == "ok" for result in self._found.values())
        response.status_code = 200 if ready else 503
        return Readiness(status="ready" if ready else "not ready", checks=self._found)


async def _result(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except ServiceError as error:
        return error.detail
    except Exception as error:  # noqa: BLE001 - whatever a check raises means: not ready
        return type(error).__name__
    return "ok"
