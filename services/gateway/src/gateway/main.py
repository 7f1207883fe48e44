"""The gateway, put together: settings in, one ASGI application out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from chassis.addresses import TrustedProxies
from chassis.app import Service
from chassis.manifest import address_setting
from chassis.ratelimit import MemoryLimiter, RateLimiter
from chassis.security import USERS, KeySource
from gateway.api import overview
from gateway.api.access import Access
from gateway.api.documentation import Documentation, frame
from gateway.api.edge import Edge
from gateway.api.limits import Class, Limits
from gateway.api.proxy import Proxy
from gateway.api.tunnel import Tunnel
from gateway.clients.documents import ServedDocuments
from gateway.clients.keys import TokenExchange
from gateway.clients.parts import ServedParts
from gateway.clients.sockets import Session
from gateway.clients.upstreams import HttpUpstream
from gateway.data import routes
from gateway.domain.catalogue import Catalogue
from gateway.domain.origins import Origins
from gateway.domain.routes import OWN, RouteTable
from gateway.settings import Settings

__all__ = ["Settings", "build"]


def build(
    settings: Settings,
    *,
    keys: KeySource | None = None,
    declared: tuple[RouteTable, dict[str, str]] | None = None,
) -> Service:
    """Build the gateway.

    Args:
        keys: Where token keys come from; by default auth's JWKS.
        declared: The route table and what its scopes are for; by default the generated route file.

    Raises:
        ValueError: A route leads to a service without an address, or is in a class of limit that is not set.
    """
    table, scopes = declared or routes.load()
    _check(settings, table)
    service = Service(settings, name="gateway", title="Tradewind API")
    session = Session(connect_seconds=settings.connect_seconds)
    service.open("session", session.lifespan)
    upstreams = _upstreams(service, settings, session)
    exchange = TokenExchange(session, token_url=settings.client.token_url, secret=settings.client.secret)
    # A service's own token is for its peer, and no way in.
    access = Access(service.use_tokens(settings.tokens, keys=keys, audiences=(USERS,)), exchange)
    limits = _limits(service, settings)
    service.front(
        lambda app: Edge(
            app,
            table=table,
            access=access,
            limits=limits,
            proxy=Proxy(upstreams),
            tunnel=Tunnel(upstreams),
            origins=Origins(settings.cors.origins),
            proxies=TrustedProxies(settings.trusted_proxies),
        )
    )
    if table.find("GET", overview.PATH) is not None:
        service.include(overview.OverviewPage(ServedParts(upstreams)).router)
    if settings.openapi:
        development = settings.environment == "development"
        whole = frame(version=service.version, scopes=scopes, password_grant=development)
        _without_own_document(service.app)
        service.include(Documentation(Catalogue(ServedDocuments(upstreams, service.app.openapi), table, whole)).router)
    return service


def _check(settings: Settings, table: RouteTable) -> None:
    if homeless := sorted(_needed(table) - settings.peers.keys()):
        raise ValueError(f"Routes lead to {', '.join(homeless)}: set {address_setting(homeless[0])} and the like.")
    if unknown := sorted(table.limits - settings.limits.keys()):
        raise ValueError(f"Routes are in classes of limit that are not set: {', '.join(unknown)}.")


def _needed(table: RouteTable) -> set[str]:
    """Return the services that routes lead to, or that the gateway asks to answer a route by itself."""
    asked = overview.SERVICES if table.find("GET", overview.PATH) is not None else frozenset()
    return {*table.services, *asked} - {OWN}


def _upstreams(service: Service, settings: Settings, session: Session) -> dict[str, HttpUpstream]:
    upstreams = {
        name: HttpUpstream(name, address, session=session, connect_seconds=settings.connect_seconds)
        for name, address in settings.peers.items()
    }

    @asynccontextmanager
    async def open_while_serving() -> AsyncIterator[None]:
        yield
        for upstream in upstreams.values():
            upstream.close()

    service.open("upstreams", open_while_serving)
    return upstreams


def _limits(service: Service, settings: Settings) -> Limits:
    limiter: RateLimiter
    if settings.valkey is None:
        limiter = MemoryLimiter()
    else:
        from chassis.valkey_ratelimit import ValkeyLimiter

        limiter = shared = ValkeyLimiter(settings.valkey.url.get_secret_value(), fail_open=settings.valkey.fail_open)
        service.open("limits", shared.lifespan)
    classes = {name: Class(each.account.limit(), each.address.limit()) for name, each in settings.limits.items()}
    return Limits(limiter, classes)


def _without_own_document(app: FastAPI) -> None:
    """Take FastAPI's own ``/openapi.json`` away: that path belongs to the merged document."""
    app.router.routes[:] = [each for each in app.router.routes if getattr(each, "path", None) != app.openapi_url]
