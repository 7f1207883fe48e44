"""A WebSocket through the gateway: message for message, both ways, with subprotocol and close code."""

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive, Scope, Send

from chassis.errors import ForbiddenError, NotFoundError, ServiceError, UnavailableError
from gateway.api import limits
from gateway.api.exchanges import Exchange
from gateway.api.proxy import vouched
from gateway.domain.forwarding import to_websocket
from gateway.domain.ports import HandshakeRefusedError, Socket, Upstream

_NORMAL = 1000
_GOING_AWAY = 1001
_UPSTREAM_LOST = 1014
_NEVER_SENT = frozenset({1004, 1005, 1006, 1015})
"""Codes that stand for the absence of a code: never on the wire (RFC 6455, section 7.4.1)."""


class Tunnel:
    """Connects WebSockets to the services.

    Args:
        upstreams: By service name.
    """

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams

    async def open(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the service's socket, then the client's, and pass messages until one side closes.

        Raises:
            UnavailableError: The service is away.
            ForbiddenError, NotFoundError: The service refused the handshake.
        """
        upstream = self._upstreams[exchange.route.service]
        fields = to_websocket(exchange.fields, connection=exchange.found.get(b"connection"))
        try:
            socket = await upstream.connect(
                exchange.target, fields + vouched(exchange, None), scope.get("subprotocols", ())
            )
        except HandshakeRefusedError as error:
            raise _refusal(error.status) from None
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": socket.subprotocol,
                "headers": [*exchange.extra, *limits.fields(exchange)],
            }
        )
        await _pass_messages(socket, receive, send)


def _refusal(status: int) -> ServiceError:
    """Return the error for a status that a service answered a handshake with."""
    if status == 403:  # noqa: PLR2004 - the status that ASGI servers refuse handshakes with
        return ForbiddenError("The service refused the WebSocket.")
    if status < 500:  # noqa: PLR2004
        return NotFoundError("There is no WebSocket here.")
    return UnavailableError("The service could not open the WebSocket.")


async def _pass_messages(socket: Socket, receive: Receive, send: Send) -> None:
    """Pass messages until one side closes, then close the other with the same code."""
    outward = asyncio.create_task(_to_service(socket, receive))
    inward = asyncio.create_task(_to_client(socket, send))
    try:
        done, _ = await asyncio.wait((outward, inward), return_when=asyncio.FIRST_COMPLETED)
        if inward in done:
            code = inward.result()
            await send({"type": "websocket.close", "code": code})
        else:
            code, reason = outward.result()
            await socket.close(code, reason)
    finally:
        for task in (outward, inward):
            task.cancel()
        await socket.close(_GOING_AWAY, "")


async def _to_service(socket: Socket, receive: Receive) -> tuple[int, str]:
    """Pass the client's messages on until it closes; return its code and reason."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code", _NORMAL)
            return (_GOING_AWAY if code in _NEVER_SENT else code), message.get("reason") or ""
        text = message.get("text")
        await socket.send(text if text is not None else message["bytes"])


async def _to_client(socket: Socket, send: Send) -> int:
    """Pass the service's messages on until it closes; return the code to close the client's side with."""
    while (message := await socket.receive()) is not None:
        kind = "text" if isinstance(message, str) else "bytes"
        await send({"type": "websocket.send", kind: message})
    code = socket.close_code
    if code in _NEVER_SENT:
        return _NORMAL if code == 1005 else _UPSTREAM_LOST  # noqa: PLR2004 - closed without saying why
    return code


def as_denial(send: Send, scope: Scope) -> Send:
    """Return a ``send`` for an HTTP answer to a WebSocket handshake.

    A server without the ``websocket.http.response`` extension can only say 403.
    """
    if "websocket.http.response" not in scope.get("extensions", {}):

        async def close(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send({"type": "websocket.close", "code": 1008})

        return close

    async def translate(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return translate
