"""What lies between services that run in one process: it carries requests, loses them, or brings them late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Literal, Self

import httpx
from starlette.types import ASGIApp

Mood = Literal["well", "away", "unseen", "lost", "late"]
"""How a wire is: ``away`` and ``unseen`` bring nothing, ``lost`` loses the answer, ``late`` brings it some time."""


class Wires(httpx.AsyncBaseTransport):
    """Stands for the ``HttpSession`` of every service. Who is asked is the host of the address."""

    def __init__(self) -> None:
        self.moods: dict[str, Mood] = {}
        self._ends: dict[str, httpx.ASGITransport] = {}
        self._late: list[httpx.Request] = []

    def connect(self, host: str, app: ASGIApp) -> None:
        """Have an application answer at this host."""
        self._ends[host] = httpx.ASGITransport(app, raise_app_exceptions=False)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Self]:
        """Be there; nothing has to be opened."""
        yield self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, as the wire to its host feels."""
        mood = self.moods.get(request.url.host, "well")
        if mood == "well":
            return await self._carry(request)
        if mood == "lost":
            await self._carry(request)
        if mood == "late":
            content = await request.aread()
            self._late.append(httpx.Request(request.method, request.url, headers=request.headers, content=content))
        if mood == "away":
            raise httpx.ConnectError("Nobody listens.", request=request)
        raise httpx.ReadTimeout("No answer.", request=request)

    async def bring_late_ones(self) -> None:
        """Carry what came late; nobody waits for the answers any more."""
        while self._late:
            await self._carry(self._late.pop())

    async def _carry(self, request: httpx.Request) -> httpx.Response:
        """Have it answered as in another process: nothing of the caller's context goes with it."""
        answering = self._ends[request.url.host].handle_async_request(request)
        return await asyncio.create_task(answering, context=Context())
