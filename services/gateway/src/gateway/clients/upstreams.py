"""The services behind the gateway: requests and WebSockets to them, with a breaker for each."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from chassis.breaker import Breaker, BreakerOpenError
from chassis.errors import MalformedError
from gateway.clients.connections import Reply, UnansweredError
from gateway.clients.pool import Pool
from gateway.clients.sockets import AiohttpSocket, Session
from gateway.domain.forwarding import Fields
from gateway.domain.ports import Body, HandshakeRefusedError, NoAnswerError, ServiceAwayError

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_LENGTH: Final = b"content-length"


class HttpUpstream:
    """One service.

    Args:
        address: Scheme, host and port: ``http://customers``.
        session: For WebSockets.
        connect_seconds: For a TCP connection; a service that takes longer is away.
    """

    def __init__(self, name: str, address: str, *, session: Session, connect_seconds: float = 0.9) -> None:
        self.name = name
        self._origin = address.rstrip("/")
        self.base = self._origin.encode()
        self._host = self._origin.partition("://")[2].encode()
        self._session = session
        self._pool = Pool(self._origin, connect_seconds=connect_seconds)
        self._breaker = Breaker(name, open_seconds=2)

    async def send(self, method: str, target: str, fields: Fields, body: Body) -> Reply:
        """Send a request; see ``Upstream.send``.

        A request that was never sent, and one that may be repeated and met a connection that was just being closed,
        gets a second try: without a mesh there is nobody else to do it. A body that is a stream can be sent once only.
        """
        chunked, head = self._head(method, target, fields, body)
        with self._breaker.call():
            try:
                return await self._try(method, head, body, chunked=chunked)
            except NoAnswerError:
                keyed = any(name == b"idempotency-key" for name, _ in fields)
                if not (method in _REPEATABLE or keyed) or not _whole(body):
                    raise
            except ServiceAwayError as error:
                if isinstance(error.__cause__, TimeoutError) or not _whole(body):
                    raise
            return await self._try(method, head, body, chunked=chunked)

    async def _try(self, method: str, head: bytes, body: Body, *, chunked: bool) -> Reply:
        try:
            connection = await self._pool.connection()
        except OSError as error:
            raise ServiceAwayError(f"{self.name} cannot be reached.", retry_after_seconds=1) from error
        try:
            return await connection.ask(head, body, chunked=chunked, head_only=method == "HEAD")
        except UnansweredError as error:
            raise NoAnswerError(f"{self.name} ended the connection before it answered.") from error

    def _head(self, method: str, target: str, fields: Fields, body: Body) -> tuple[bool, bytes]:
        """Return whether the body goes in chunks, and everything that stands before it.

        Raises:
            MalformedError: A field would end the head, or begin another field.
        """
        lines = [f"{method} {target} HTTP/1.1".encode(), b"host: " + self._host]
        lines += [b"%b: %b" % field for field in fields]
        chunked = False
        if (body is not None or method in _WITH_BODY) and not any(name == _LENGTH for name, _ in fields):
            if isinstance(body, bytes):
                lines.append(b"content-length: %d" % len(body))
            elif body is None:
                lines.append(b"content-length: 0")
            else:
                chunked = True
                lines.append(b"transfer-encoding: chunked")
        head = b"\r\n".join(lines)
        if head.count(b"\n") != len(lines) - 1:
            raise MalformedError("A header field has more than one line.")
        return chunked, head + b"\r\n\r\n"

    def hung(self) -> None:
        """Count a time-out as the failure that the breaker could not see."""
        with suppress(BreakerOpenError), self._breaker.call() as call:
            call.failed()

    async def connect(self, target: str, fields: Fields, subprotocols: Sequence[str]) -> AiohttpSocket:
        """Open a WebSocket; see ``Upstream.connect``."""
        with self._breaker.call() as call:
            try:
                return await self._session.open_socket(self.name, self._origin + target, fields, subprotocols)
            except HandshakeRefusedError:
                call.succeeded()
                raise

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.close()


def _whole(body: Body) -> bool:
    return body is None or isinstance(body, bytes)
