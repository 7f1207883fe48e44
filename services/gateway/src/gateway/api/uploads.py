"""A request's body on its way in: counted, never held as a whole unless it came whole."""

from collections.abc import AsyncIterator

from starlette.types import Receive

from chassis.errors import MalformedError, ServiceError
from chassis.problems import ContentTooLargeError
from gateway.api.exchanges import Exchange
from gateway.api.patience import ClientLeftError, Patience
from gateway.domain.ports import Body


class Upload:
    """The body of one request, no larger than its route allows.

    ``error`` is why it was stopped half way, for whoever sees only that sending it failed; ``complete`` says that all
    of it has come.
    """

    def __init__(self, exchange: Exchange, receive: Receive, patience: Patience) -> None:
        self._receive = receive
        self._patience = patience
        self._limit = exchange.route.max_body_bytes
        self._size = 0
        self._announced = _announced(exchange)
        self.error: ServiceError | None = None
        self.complete = False

    async def body(self) -> Body:
        """Return the body: whole if it came in one piece, else as a stream of the pieces.

        Raises:
            ContentTooLargeError: It is too large, or says that it will be.
            ClientLeftError: The client went away while sending it.
        """
        if self._announced == 0:
            return self._complete(None)
        if self._announced is not None and self._announced > self._limit:
            raise self._too_large(drained=True)
        first, more = await self._next()
        return self._pieces(first) if more else self._complete(first)

    async def _pieces(self, piece: bytes) -> AsyncIterator[bytes]:
        more = True
        while more:
            if piece:
                yield piece
            piece, more = await self._next()
        self._complete(None)
        if piece:
            yield piece

    async def _next(self) -> tuple[bytes, bool]:
        """Return the next piece, and whether there are more."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self._limit:
            self.error = self._too_large(drained=False)
            raise self.error
        return piece, message.get("more_body", False)

    def _complete(self, body: bytes | None) -> bytes | None:
        self.complete = True
        self._patience.listen()
        return body

    def _too_large(self, *, drained: bool) -> ContentTooLargeError:
        """Refuse; the connection is closed where nobody knows how much would have to be read to go on using it."""
        headers = {} if drained else {"connection": "close"}
        return ContentTooLargeError(f"At most {self._limit} bytes are taken here.", headers=headers)


def _announced(exchange: Exchange) -> int | None:
    """Return the body's announced length: 0 for none, None where it comes in chunks."""
    if b"transfer-encoding" in exchange.found:
        return None
    length = exchange.found.get(b"content-length", b"0")
    if not length.isdigit():
        raise MalformedError("Content-Length is not a number.")
    return int(length)
