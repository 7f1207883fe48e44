"""The outermost part of the gateway: what a request passes, in which order, before a service hears of it.

Pure ASGI, in front of the FastAPI application that answers for the gateway itself. In order: a head that can be read in
one way only, the browser's preflight, a route, the address's limit, the token, the account's limit, then the service.
"""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import tracing
from chassis.addresses import TrustedProxies
from chassis.asgi import QUIET_PATHS
from chassis.errors import NotFoundError, ServiceError
from chassis.problems import MethodNotAllowedError, send_problem
from gateway.api import hardening, limits
from gateway.api.access import Access
from gateway.api.exchanges import Exchange, read_path
from gateway.api.limits import Limits
from gateway.api.proxy import Proxy
from gateway.api.tunnel import Tunnel, as_denial
from gateway.domain.forwarding import with_policy
from gateway.domain.origins import Origins
from gateway.domain.routes import OWN, Route, RouteTable

Serve = Callable[[Exchange, Scope, Receive, Send], Awaitable[None]]
_OWN_LIMIT = "default"


class Edge:
    """The gateway as an ASGI application.

    Args:
        app: Answers for the gateway itself: probes, documentation, and what it composes.
        table: What is let in, and where it goes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        table: RouteTable,
        access: Access,
        limits: Limits,
        proxy: Proxy,
        tunnel: Tunnel,
        origins: Origins,
        proxies: TrustedProxies,
    ) -> None:
        self._app = app
        self._table = table
        self._access = access
        self._limits = limits
        self._proxy = proxy
        self._tunnel = tunnel
        self._origins = origins
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._guard(scope, receive, send, self._http, send)
        elif scope["type"] == "websocket":
            await receive()
            await self._guard(scope, receive, send, self._websocket, as_denial(send, scope))
        else:
            await self._app(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send, serve: Serve, refuse: Send) -> None:
        """Serve, and answer with the problem if it is refused."""
        exchange: Exchange | None = None
        try:
            exchange = Exchange(scope, self._proxies, read_path(scope))
            exchange.extra = [*hardening.fields(exchange.scheme), *self._origins.fields(exchange.found.get(b"origin"))]
            exchange.check_head()
            await serve(exchange, scope, receive, send)
        except ServiceError as error:
            await send_problem(_Dressed(refuse, exchange), error, scope=scope)

    async def _http(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._table.find(exchange.method, exchange.path)
        if route is not None:
            await self._admit(exchange, scope, route)
            with tracing.span(f"{exchange.method} {route.path}", "server", upstream=route.service):
                if route.service == OWN:
                    await self._app(exchange.shown(scope), receive, _Dressed(send, exchange))
                else:
                    await self._proxy.forward(exchange, receive, send)
        elif methods := self._table.methods(exchange.path):
            await self._without_route(exchange, methods, send)
        else:
            if exchange.path not in QUIET_PATHS:
                await self._limits.by_address(exchange, _OWN_LIMIT)
            await self._app(scope, receive, _Dressed(send, exchange))

    async def _admit(self, exchange: Exchange, scope: Scope, route: Route) -> None:
        """Let the request through to its route, or raise why not."""
        exchange.route = scope["route"] = route
        scope["log"] = log = {"upstream": route.service}
        await self._limits.by_address(exchange, route.limit)
        if route.public:
            return
        counted = await self._access.check(exchange, route)
        if exchange.principal is not None:
            log["principal"] = exchange.principal.subject
        await self._limits.by_account(exchange, route.limit, counted)

    async def _without_route(self, exchange: Exchange, methods: list[str], send: Send) -> None:
        """Answer for a path that does not take this method; OPTIONS is how a browser asks which it takes."""
        await self._limits.by_address(exchange, _OWN_LIMIT)
        allow = ", ".join(methods)
        if exchange.method != "OPTIONS":
            raise MethodNotAllowedError(f"{exchange.path} takes {allow}.", headers={"allow": allow})
        asked = self._origins.preflight(exchange.found.get(b"origin"), methods)
        headers = [(b"allow", allow.encode()), *asked]
        await _Dressed(send, exchange)({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _websocket(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._table.find("GET", exchange.path)
        if route is None or not route.stream:
            raise NotFoundError("There is no WebSocket here.")
        await self._admit(exchange, scope, route)
        await self._tunnel.open(exchange, scope, receive, send)


class _Dressed:
    """A ``send`` for answers that are the gateway's own: adds what every answer carries."""

    __slots__ = ("_exchange", "_send")

    def __init__(self, send: Send, exchange: Exchange | None) -> None:
        self._send = send
        self._exchange = exchange

    async def __call__(self, message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            headers = with_policy(list(message.get("headers", ())))
            if self._exchange is not None:
                headers += self._exchange.extra
                headers += limits.fields(self._exchange)
            message = {**message, "headers": headers}
        await self._send(message)
