"""WebSockets to services, and the one aiohttp session that opens them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from chassis.errors import MalformedError
from gateway.domain.forwarding import Fields
from gateway.domain.ports import HandshakeRefusedError, ServiceAwayError

_ABNORMAL_CLOSURE: Final = 1006


class Session:
    """The aiohttp session of the process, for what is not a forwarded request: WebSockets, and the exchange of keys.

    Cookies are off: a shared jar would send one caller's cookie with the next caller's request.
    """

    def __init__(self, *, connect_seconds: float = 0.9) -> None:
        self._connect_seconds = connect_seconds
        self._session: aiohttp.ClientSession | None = None

    @property
    def aiohttp(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise RuntimeError("The session is not open.")
        return self._session

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the session, close it at the end."""
        async with aiohttp.ClientSession(
            # Less than the services keep an idle connection (75 s), so that no request meets a closing one.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
        ) as session:
            self._session = session
            yield
            self._session = None

    async def open_socket(self, service: str, url: str, fields: Fields, subprotocols: Sequence[str]) -> "AiohttpSocket":
        """Open a WebSocket.

        Raises:
            HandshakeRefusedError: The service refused it.
            ServiceAwayError: It could not be asked.
            MalformedError: A field is no text.
        """
        try:
            socket = await self.aiohttp.ws_connect(
                URL(url, encoded=True),
                headers=CIMultiDict([(name.decode(), value.decode()) for name, value in fields]),
                protocols=subprotocols,
                max_msg_size=0,
            )
        except UnicodeDecodeError:
            raise MalformedError("A header field is not UTF-8.") from None
        except aiohttp.WSServerHandshakeError as error:
            raise HandshakeRefusedError(error.status) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServiceAwayError(f"{service} cannot be reached.", retry_after_seconds=1) from error
        return AiohttpSocket(socket)


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
