"""The connections to one service: kept while they are good, opened when there are none."""

import asyncio
import ssl
from urllib.parse import urlsplit

from gateway.clients.connections import Connection


class Pool:
    """Lends connections to one address.

    Args:
        address: Scheme, host and port: ``http://customers``.
        connect_seconds: For a TCP connection, TLS included.
        idle_seconds: How long one that nobody uses is good; less than the services keep it (75 s), so that no request
            meets a closing one.
    """

    def __init__(self, address: str, *, connect_seconds: float, idle_seconds: float = 30) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []

    async def connection(self) -> Connection:
        """Return one that was used last of those that are good, or a new one.

        Raises:
            OSError: Nobody answers there; ``TimeoutError`` if not in time.
        """
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and now - connection.idle_since < self._idle_seconds:
                return connection
            connection.close()
        return await self._open()

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_seconds):
            _, connection = await loop.create_connection(
                lambda: Connection(self._idle), self._host, self._port, ssl=self._tls
            )
        return connection

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()
