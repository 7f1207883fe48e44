"""One service being put together: what it serves, what it opens at start, and what it runs beside the requests.

A service's ``main.build`` makes a ``Service``, gives it resources and routers, and returns it; ``python -m chassis``
serves it. Nothing is opened before the application starts, and everything is closed in reverse when it ends.
"""

import importlib.metadata
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from chassis import documents, logs, probes, problems, tracing
from chassis.asgi import RequestMiddleware
from chassis.background import Background
from chassis.clock import Clock, SystemClock
from chassis.compression import CompressionMiddleware
from chassis.manifest import Manifest, read, service_dir
from chassis.security import USERS, KeySource, TokenVerifier
from chassis.settings import BrokerSettings, ClientSettings, DatabaseSettings, ServiceSettings, TokenSettings

if TYPE_CHECKING:
    from chassis.breaker import Breaker
    from chassis.bus import EventBus
    from chassis.clients import HttpSession
    from chassis.database import Database
    from chassis.doorbell import Doorbell, Wake
    from chassis.inbox import Handler
    from chassis.outbox import Publish
    from chassis.peers import Peers

Open = Callable[[], AbstractAsyncContextManager[object]]
Check = Callable[[], Awaitable[None]]
Loop = Callable[[], Coroutine[Any, Any, None]]
Job = Callable[[], Awaitable[object]]

_HOUR = 3600


@dataclass(frozen=True)
class _Resource:
    name: str
    open: Open


class Service:
    """A service: its manifest and settings, its FastAPI ``app``, and ``asgi``, which is what a server serves.

    Args:
        name: Defaults to the environment's ``SERVICE``.
        folder: Where ``service.yaml`` and ``migrations`` are; found from the package where it is not given.
        title: For the OpenAPI document.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        name: str | None = None,
        folder: Path | None = None,
        title: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name or os.environ["SERVICE"]
        self.folder = folder or service_dir(self.name)
        self.manifest: Manifest = read(self.folder / "service.yaml")
        self.settings = settings
        self.clock = clock or SystemClock()
        self.version = version_of(self.name)
        self.background = Background(enabled=settings.background)
        self.probes = probes.Probes()
        self.prepare_at_start = False
        self._included = 0
        self._resources: list[_Resource] = []
        self._preparations: list[tuple[str, Job]] = []
        self._http: HttpSession | None = None
        self._breakers: dict[str, Breaker] = {}
        self.app = self._make_app(title or f"Tradewind {self.name}")
        self.asgi = RequestMiddleware(
            self.app,
            access_sample=settings.log.access_sample,
            tracing_ratio=settings.tracing.ratio if settings.tracing.otlp_endpoint else None,
            request_timeout_seconds=settings.request_timeout_seconds,
            max_body_bytes=settings.max_body_bytes,
        )

    def _make_app(self, title: str) -> FastAPI:
        app = FastAPI(
            title=title,
            version=self.version,
            description=self.manifest.summary,
            lifespan=self._lifespan,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry=tracing.configure(self.settings.tracing, service=self.name, version=self.version),
        )
        app.add_middleware(CompressionMiddleware)
        app.state.service = self
        app.router.routes += self.probes.router.routes
        problems.install(app)
        documents.install(app)
        return app

    # What a service is made of.

    def include(self, *routers: APIRouter) -> None:
        """Serve the routers' routes, which count before the chassis' own.

        FastAPI's ``include_router`` makes a tree that is searched again for each request, at a tenth of what a small
        route costs. Our routers know their whole paths, so their routes go straight into the application's list.
        """
        own = self.app.router.routes
        added = [route for router in routers for route in router.routes]
        own[self._included : self._included] = added
        self._included += len(added)

    def front(self, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
        """Let ``wrap(app)`` see each connection before FastAPI does, and after context, metrics and the access log."""
        self.asgi.app = wrap(self.asgi.app)

    def leave_api(self) -> None:
        """Be a process of workers: run the background loops whatever the settings say, and answer only probes."""
        self.app.router.routes[:] = self.probes.router.routes
        self.background.enabled = True

    def open(self, name: str, resource: Open, *, check: Check | None = None) -> None:
        """Open ``resource`` at start, in the order of the calls; ``check`` decides readiness from then on."""
        self._resources.append(_Resource(name, resource))
        if check is not None:
            self.probes.add(name, check)

    def run(self, name: str, loop: Loop) -> None:
        """Run ``loop`` beside the requests; one that fails is started again, after growing pauses."""
        self.background.add(name, loop)

    def prepare(self, name: str, job: Job) -> None:
        """Do ``job`` once per deployment: after the migrations, by ``python -m chassis migrate``."""
        self._preparations.append((name, job))

    # Ready-made parts.

    def use_database(self, settings: DatabaseSettings, *, publish: "Publish | None" = None) -> "Database":
        """Give the service its database: a unit of work that writes the outbox, readiness by schema, clean-up jobs.

        Args:
            publish: Maps the aggregates' events to what is told of them.
        """
        from chassis.database import Database
        from chassis.migrations import SchemaCheck, migrate
        from chassis.outbox import Writer
        from chassis.retention import PURGES

        writer = Writer(service=self.name, publish=publish)
        database = Database(settings, service=self.name, before_commit=[writer], after_commit=[writer.announce])
        self.app.state.database = database
        self.app.state.outbox = writer
        self.open("database", database.lifespan, check=database.check)
        self.open("outbox", lambda: writer.bell.lifespan(database))
        self.probes.add("schema", SchemaCheck(database, self.folder))
        self.prepare("migrations", lambda: migrate(settings, self.name, self.folder))
        for name, purge in PURGES.items():
            self.every(name, _HOUR, partial(purge, database))
        return database

    def use_doorbell(self, channel: str, wake: "Wake") -> "Doorbell":
        """Have ``wake`` called at each ring in whatever process of this service runs its loops."""
        from chassis.doorbell import Doorbell

        database: Database = self.app.state.database
        bell = Doorbell(channel)
        self.open(f"doorbell-{channel}", lambda: bell.lifespan(database))
        self.run(f"doorbell-{channel}", lambda: bell.listen(database, wake))
        return bell

    def use_broker(self, settings: BrokerSettings) -> "EventBus":
        """Connect the service to the event bus, and its outbox to its stream."""
        from chassis.nats_bus import NatsBus
        from chassis.relay import Relay

        bus = NatsBus(settings, self.name)
        self.app.state.bus = bus
        self.open("broker", bus.lifespan)
        if self.manifest.owns.stream:
            database: Database = self.app.state.database
            relay = Relay(database, bus, self.app.state.outbox)
            self.run("relay", relay.run)
            self.prepare("stream", self._prepare_stream)
        return bus

    async def _prepare_stream(self) -> bool:
        bus: EventBus = self.app.state.bus
        async with bus.lifespan():
            await bus.ensure_stream(self.manifest)
        return True

    def consume(self, consumer: str, handler: "Handler") -> None:
        """React to what ``service.yaml`` says this service hears under the name ``consumer``."""
        from chassis.bus import Consumer
        from chassis.inbox import Inbox

        database: Database = self.app.state.database
        bus: EventBus = self.app.state.bus
        inbox = Inbox(database, consumer, handler, retries=self.settings.retries)
        # One connection is left to requests, whatever there is to catch up with.
        concurrency = max(1, database.settings.pool_size - 1)
        for heard in self.manifest.hears:
            if heard.consumer == consumer:
                loop = partial(inbox.consume, bus, Consumer.of(heard, concurrency=concurrency))
                self.run(f"consumer-{consumer}-{heard.service}", loop)
        self.run(f"retries-{consumer}", inbox.retry)

    def every(self, name: str, seconds: float, job: Job) -> None:
        """Run ``job`` every ``seconds`` on one replica at a time."""
        from chassis.jobs import Schedule

        database: Database = self.app.state.database
        self.run(f"job-{name}", Schedule(database, name, every_seconds=seconds, job=job).run)

    def use_peers(self, settings: ClientSettings, addresses: Mapping[str, str]) -> "Peers":
        """Ask the services that ``service.yaml`` names under ``asks``, each with a token made for it.

        Args:
            addresses: Each peer's, by its name (``PEERS__<NAME>``).

        Raises:
            ValueError: A peer has no address.
        """
        from chassis.peers import Peers

        breakers = {ask.service: self._breaker(ask.service) for ask in self.manifest.asks}
        peers = Peers(self.manifest, settings, addresses, session=self._session(), breakers=breakers)
        self.open("peers", peers.lifespan)
        return peers

    def use_tokens(
        self, settings: TokenSettings, *, keys: KeySource | None = None, audiences: Sequence[str] | None = None
    ) -> TokenVerifier:
        """Verify access tokens for users, and those made for this very service.

        Args:
            keys: Where keys come from; by default the issuer's JWKS, fetched when first needed.
            audiences: Whose tokens are accepted instead.
        """
        if keys is None:
            from chassis.jwks import published_keys

            keys = published_keys(settings.jwks_url, session=self._session(), breaker=self._breaker("auth"))
        accepted = audiences or (USERS, self.name)
        verifier = TokenVerifier(issuer=settings.issuer, audiences=accepted, keys=keys, clock=self.clock)
        self.app.state.tokens = verifier
        return verifier

    def _session(self) -> "HttpSession":
        """The connections to all peers."""
        from chassis.clients import HttpSession

        if self._http is None:
            self._http = HttpSession()
            self.open("connections", self._http.lifespan)
        return self._http

    def _breaker(self, peer: str) -> "Breaker":
        """The one breaker of a peer, whatever it is asked for."""
        from chassis.breaker import Breaker

        if peer not in self._breakers:
            self._breakers[peer] = Breaker(peer)
        return self._breakers[peer]

    # Life.

    async def run_preparations(self) -> None:
        """Migrate, create the stream, and do what else was registered with ``prepare``; cheap when all is done."""
        log = logs.get("prepare")
        for name, job in self._preparations:
            changed = await job()
            log.info("prepared", step=name, changed=bool(changed))

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        if self.prepare_at_start:
            await self.run_preparations()
        async with self.resources(), self.background.running():
            yield
            self.probes.drain()

    @asynccontextmanager
    async def resources(self) -> AsyncIterator[None]:
        """Open everything the service uses, without background loops: for commands."""
        async with AsyncExitStack() as stack:
            for resource in self._resources:
                await stack.enter_async_context(resource.open())
            yield
            tracing.flush()


def version_of(service: str) -> str:
    """Return the installed version of a service's distribution, ``0`` for one that is not installed."""
    try:
        return importlib.metadata.version(f"tradewind-{service}")
    except importlib.metadata.PackageNotFoundError:
        return "0"
