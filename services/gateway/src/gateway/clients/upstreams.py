"""Connections to the services: aiohttp, because every other client costs a multiple of it on this path.

What a shared client would do by itself is switched off: cookies, redirects, decompression, a limit on the whole time.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import aiohttp
from aiohttp.client_exceptions import ConnectionTimeoutError
from multidict import CIMultiDict, istr
from yarl import URL

from chassis.breaker import Breaker, BreakerOpenError
from chassis.errors import MalformedError
from gateway.domain.forwarding import Field, Fields
from gateway.domain.ports import Body, BrokenAnswerError, HandshakeRefusedError, NoAnswerError, ServiceAwayError

_NEVER_SENT: Final = (aiohttp.ClientConnectorError, ConnectionTimeoutError)
_HOST: Final = istr("host")
_ABNORMAL_CLOSURE: Final = 1006
_LARGEST_HEAD_BYTES: Final = 65_536


class _PlainRequest(aiohttp.ClientRequest):
    """A request with the headers it was given, ``Host`` among them, and no others; aiohttp's way costs 20 µs more."""

    _skip_auto_headers = CIMultiDict({"content-type": None})

    def update_headers(self, headers: Any) -> None:
        """Take the headers as they are: they are this request's own copy."""
        self.headers = headers

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:
        """Add nothing: what the client did not say is not for the gateway to say."""


class Connections:
    """The one aiohttp session that all upstreams share.

    Args:
        connect_seconds: For a TCP connection; what takes longer is away.
        idle_seconds: How long to keep a connection that nobody uses; less than the services keep it (75 s), so that
            no request meets a closing one.
    """

    def __init__(self, *, connect_seconds: float = 0.9, idle_seconds: float = 30) -> None:
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("The connections are not open.")
        return self._session

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the session, close it at the end."""
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._idle_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
            auto_decompress=False,
            request_class=_PlainRequest,
            max_line_size=_LARGEST_HEAD_BYTES,
            max_field_size=_LARGEST_HEAD_BYTES,
        ) as session:
            self._session = session
            yield
            self._session = None


class AiohttpAnswer:
    """An aiohttp response as an ``Answer``."""

    __slots__ = ("_response", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status

    @property
    def fields(self) -> Iterable[Field]:
        """The header fields as they came."""
        return self._response.raw_headers

    def whole(self) -> bytes | None:
        """Return the body if all of it is here already."""
        content = self._response.content
        if not content.is_eof():
            return None
        try:
            return content.read_nowait()
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenAnswerError from error

    async def chunk(self) -> bytes:
        """Return the next piece, empty at the end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenAnswerError from error

    def close(self) -> None:
        """Give the connection back if the answer was read to its end, else close it."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpSocket:
    """An aiohttp WebSocket as a ``Socket``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.subprotocol = socket.protocol

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        if self._socket.closed:
            return
        try:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
        except (aiohttp.ClientError, OSError):
            await self._socket.close()

    async def receive(self) -> str | bytes | None:
        """Return the next message, None when the socket is closed."""
        message = await self._socket.receive()
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        return None

    @property
    def close_code(self) -> int:
        """The code the service closed with."""
        return self._socket.close_code or _ABNORMAL_CLOSURE

    async def close(self, code: int, reason: str) -> None:
        """Close with a code."""
        await self._socket.close(code=code, message=reason.encode()[:123])


class AiohttpUpstream:
    """One service, reached over the shared connections.

    Args:
        address: Scheme, host and port: ``http://customers``.
    """

    def __init__(self, name: str, address: str, connections: Connections, breaker: Breaker | None = None) -> None:
        self.name = name
        self._origin = address.rstrip("/")
        self.base = self._origin.encode()
        self._host = URL(self._origin).host_port_subcomponent or ""
        self._connections = connections
        self._breaker = breaker or Breaker(name, open_seconds=2)

    async def send(self, method: str, target: str, fields: Fields, body: Body) -> AiohttpAnswer:
        """Send a request; see ``Upstream.send``.

        A request that was never sent, and one that may be repeated and met a connection that was just being closed,
        gets a second try: without a mesh there is nobody else to do it. A body that is a stream can be sent once only.
        """
        headers = self._headers(fields)
        url = URL(self._origin + target, encoded=True)
        with self._breaker.call():
            try:
                return await self._try(method, url, headers, body)
            except NoAnswerError:
                if method != "POST" or "idempotency-key" not in headers or not _whole(body):
                    raise
            except ServiceAwayError as error:
                if isinstance(error.__cause__, ConnectionTimeoutError) or not _whole(body):
                    raise
            return await self._try(method, url, headers, body)

    def hung(self) -> None:
        """Count a time-out as the failure that the breaker could not see."""
        with suppress(BreakerOpenError), self._breaker.call() as call:
            call.failed()

    def _headers(self, fields: Fields) -> CIMultiDict[str]:
        try:
            pairs = [(_name(name), value.decode()) for name, value in fields]
        except UnicodeDecodeError:
            raise MalformedError("A header field is not UTF-8.") from None
        return CIMultiDict([(_HOST, self._host), *pairs])

    async def _try(self, method: str, url: URL, headers: CIMultiDict[str], body: Body) -> AiohttpAnswer:
        try:
            session = self._connections.session
            response = await session.request(method, url, headers=headers, data=body, allow_redirects=False)
        except _NEVER_SENT as error:
            raise ServiceAwayError(f"{self.name} cannot be reached.", retry_after_seconds=1) from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(f"{self.name} ended the connection before it answered.") from error
        return AiohttpAnswer(response)

    async def connect(self, target: str, fields: Fields, subprotocols: Sequence[str]) -> AiohttpSocket:
        """Open a WebSocket; see ``Upstream.connect``."""
        headers = self._headers(fields)
        with self._breaker.call() as call:
            try:
                socket = await self._connections.session.ws_connect(
                    URL(self._origin + target, encoded=True),
                    headers=headers,
                    protocols=subprotocols,
                    max_msg_size=0,
                )
            except aiohttp.WSServerHandshakeError as error:
                call.succeeded()
                raise HandshakeRefusedError(error.status) from error
            except (aiohttp.ClientError, OSError) as error:
                raise ServiceAwayError(f"{self.name} cannot be reached.", retry_after_seconds=1) from error
        return AiohttpSocket(socket)


@lru_cache(maxsize=1024)
def _name(name: bytes) -> istr:
    """Return a field's name as aiohttp's dictionary wants it; made once per name, not once per request."""
    return istr(name.decode())


def _whole(body: Body) -> bool:
    return body is None or isinstance(body, bytes)
