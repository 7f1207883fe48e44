"""The connections to peers: one pool for a process, without cookies, spoken to through httpx over aiohttp.

The httpx API over this transport does four times the calls of plain httpx; what bites in the pair is handled here.
There is no ``httpx.AsyncClient``: it would add redirects, which we don't follow, and a second cookie jar.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

SENDINGS = "tradewind.sendings"
"""The request extension that says how often the request was put on the wire; aiohttp repeats silently."""

_sendings: ContextVar[list[None] | None] = ContextVar("chassis_sendings", default=None)


class HttpSession(httpx.AsyncBaseTransport):
    """The one pool of connections that all of a process's ``ServiceClient`` share.

    Open it in the running loop, once: ``async with session.lifespan(): ...``. Clients may be made before that.

    Args:
        connections: Open at the same time, to all peers together.
        keepalive_seconds: How long an idle connection is kept: less than any server keeps it, else a request can meet
            a connection that is just being closed.
    """

    def __init__(self, *, connections: int = 100, keepalive_seconds: float = 4) -> None:
        self._connections = connections
        self._keepalive_seconds = keepalive_seconds
        self._transport: AiohttpTransport | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[Self]:
        """Open the pool, and close its connections at the end."""
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=self._keepalive_seconds)
        counting = aiohttp.TraceConfig()
        counting.on_request_headers_sent.append(_count_sending)
        # The jar that aiohttp makes by default would send one caller's cookie with the next caller's request.
        jar = aiohttp.DummyCookieJar()
        session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trace_configs=[counting])
        async with session:
            # The context is for pools that the transport would make itself; an empty one saves loading certificates.
            unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._transport = AiohttpTransport(client=session, verify=unused)
            try:
                yield self
            finally:
                self._transport = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; ``exchange`` reads the answer too.

        Raises:
            httpx.TransportError: No answer. See ``never_sent``.
            RuntimeError: The session is not open.
        """
        if self._transport is None:
            raise RuntimeError("The HttpSession is not open; requests go out inside its lifespan().")
        sendings: list[None] = []
        token = _sendings.set(sendings)
        try:
            return await self._transport.handle_async_request(request)
        except aiohttp.ClientError as error:  # What the transport does not translate: an answer that is not HTTP.
            raise httpx.RemoteProtocolError(str(error)) from error
        finally:
            _sendings.reset(token)
            request.extensions[SENDINGS] = len(sendings)


async def exchange(session: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    """Send a request and read the whole answer.

    Raises:
        httpx.RequestError: No answer, or not all of it. See ``never_sent``.
    """
    response = await session.handle_async_request(request)
    response.request = request
    try:
        await response.aread()
    except BaseException:
        await response.aclose()
        raise
    return response


async def _count_sending(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _parameters: aiohttp.TraceRequestHeadersSentParams
) -> None:
    if (sendings := _sendings.get()) is not None:
        sendings.append(None)


def never_sent(error: httpx.RequestError) -> bool:
    """Tell whether the peer cannot have seen the request; otherwise the outcome is unknown.

    The kind of the error does not say: the transport turns refused, reset and "server disconnected" all into
    ``ConnectTimeout``, the last even after the server has read everything.
    """
    return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
