"""What the gateway needs from outside, and what can go wrong with it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

from chassis.errors import UnavailableError
from gateway.domain.forwarding import Field, Fields

Body = bytes | AsyncIterator[bytes] | None
"""A request body: whole, piece by piece, or none."""


class ServiceAwayError(UnavailableError):
    """The service could not be reached; the request was never sent, so asking again is safe."""

    code = "service-unavailable"
    title = "The service is away"


class NoAnswerError(UnavailableError):
    """The request was sent and the connection ended before an answer; whether it was carried out is unknown.

    Asking again is safe for what may be repeated by its nature, or by its ``Idempotency-Key``.
    """

    code = "no-answer"
    title = "The service gave no answer"


class BrokenAnswerError(Exception):
    """The service's answer ended before its end, after it was begun towards the client."""


class Answer(Protocol):
    """A service's answer, while its body is still on the way."""

    status: int

    @property
    def fields(self) -> Iterable[Field]:
        """The header fields as they came."""
        ...

    def whole(self) -> bytes | None:
        """Return the body if all of it is here already, else None."""
        ...

    async def chunk(self) -> bytes:
        """Return the next piece as soon as there is one, empty at the end.

        Raises:
            BrokenAnswerError: The connection ended too early.
        """
        ...

    def close(self) -> None:
        """Let go of the connection: to be used again if the answer was read to its end, else closed."""
        ...


class Socket(Protocol):
    """An open WebSocket to a service."""

    subprotocol: str | None

    async def send(self, message: str | bytes) -> None:
        """Send one message; does nothing once the socket is closed."""
        ...

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None when the socket is closed; ``close_code`` says how."""
        ...

    @property
    def close_code(self) -> int:
        """The code the other side closed with (RFC 6455, section 7.4); 1006 where the connection just ended."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; does nothing if it is closed."""
        ...


class HandshakeRefusedError(Exception):
    """A service answered a WebSocket handshake with a status instead of a socket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"handshake refused with {status}")
        self.status = status


class Upstream(Protocol):
    """One service behind the gateway."""

    name: str
    base: bytes
    """Its address without a path, ``http://customers``."""

    async def send(self, method: str, target: str, fields: Fields, body: Body) -> Answer:
        """Send a request and return the answer once its head is here.

        Args:
            target: Path and query, escaped.

        Raises:
            ServiceAwayError: It was never sent.
            NoAnswerError: It was sent, and the connection ended before an answer.
        """
        ...

    def hung(self) -> None:
        """Note that a request, all of which was sent, was not answered in the time its route gives it."""
        ...

    async def connect(self, target: str, fields: Fields, subprotocols: Sequence[str]) -> Socket:
        """Open a WebSocket.

        Raises:
            HandshakeRefusedError: The service refused it.
            ServiceAwayError: It could not be asked.
        """
        ...


class KeyExchange(Protocol):
    """Turns API keys into access tokens."""

    async def token(self, key: str) -> str | None:
        """Return a token for the key's owner, or None if there is no such key (any more).

        Raises:
            ServiceAwayError: The issuer could not be asked.
        """
        ...


class DocumentSource(Protocol):
    """Where a service's OpenAPI document comes from."""

    async def document(self, service: str) -> dict[str, Any]:
        """Return it.

        Raises:
            ServiceAwayError: The service could not be asked, or did not answer with one.
        """
        ...
