"""Fixtures for services: a real database per test, a real NATS, signed tokens, a clock that can be turned.

A pytest plugin; one line gives a repository all of it: ``pytest_plugins = ("chassis.testing",)`` in the root conftest.
A service's own conftest overrides ``service_name``.
"""

import asyncio
import inspect
import logging
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import pytest
import structlog
from httpx2 import ASGITransport, AsyncClient
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from pydantic import SecretStr

from chassis import logs
from chassis.app import Service
from chassis.embedded import EmbeddedNats, EmbeddedPostgres
from chassis.manifest import service_dir
from chassis.migrations import migrate
from chassis.scratch import scratch
from chassis.security import USERS
from chassis.settings import BrokerSettings, DatabaseSettings, TokenSettings

_SCHEMA = """
    SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
    UNION ALL
    SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def skip_without(tool: str, reason: str) -> NoReturn:
    """Skip a test that lacks ``tool``; fail it where the environment's ``REQUIRE`` names the tool."""
    if tool in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(f"REQUIRE names {tool}, and {reason}")
    pytest.skip(reason)


async def eventually(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Return as soon as ``condition``, awaited where it has to be, is true; fail the test when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"It did not happen within {seconds:g} s.")
        await asyncio.sleep(0.01)


class FakeClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2030, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the instant it stands at."""
        return self._now

    def advance(self, **delta: float) -> None:
        """Turn it forward: ``clock.advance(minutes=10)``."""
        self._now += timedelta(**delta)


class TokenIssuer:
    """Stands in for auth: signs access tokens, and is the ``KeySource`` that verifies them."""

    issuer = "https://issuer.example"

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": "test-key", "alg": "ES256", "use": "sig"})
        self.settings = TokenSettings(issuer=self.issuer, jwks_url=f"{self.issuer}/.well-known/jwks.json")

    async def key(self, kid: str) -> Key | None:
        """Return the key that signs, under its own name only."""
        return self._key if kid == self._key.kid else None

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as auth publishes them."""
        return {"keys": [self._key.as_dict(private=False)]}

    def issue(
        self,
        subject: str | uuid.UUID,
        *,
        scopes: Sequence[str] = (),
        roles: Sequence[str] = ("customer",),
        audience: str = USERS,
        lifetime_seconds: int = 600,
        **claims: Any,
    ) -> str:
        """Sign an access token (RFC 9068); ``claims`` overrides single claims, None leaves one out."""
        now = int(datetime.now(UTC).timestamp())
        payload = {
            "iss": self.issuer,
            "sub": str(subject),
            "aud": audience,
            "client_id": "tradewind-cli",
            "scope": " ".join(scopes),
            "roles": list(roles),
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_seconds,
            **claims,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._key.kid}, kept, self._key)

    def headers(self, subject: str | uuid.UUID, *scopes: str, **options: Any) -> dict[str, str]:
        """Return the headers of a request by ``subject`` with ``scopes``."""
        return {"authorization": f"Bearer {self.issue(subject, scopes=scopes, **options)}"}


class Databases:
    """Makes databases on one embedded PostgreSQL; those of a service are copies of one that was migrated once."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._templates: dict[str, str] = {}

    def settings(self, name: str) -> DatabaseSettings:
        """Return how to reach a database that exists."""
        dsn = self._server.superuser_dsn(name).replace("postgresql://", "postgresql+asyncpg://", 1)
        return DatabaseSettings(url=SecretStr(dsn))

    def create(self, template: str = "template1") -> DatabaseSettings:
        """Create a database, empty or as a copy."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        # Without fsync, copying files costs less than half of what copying through the log does.
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.settings(name)

    def create_migrated(self, service: str, folder: Path) -> DatabaseSettings:
        """Create a database with the service's schema at its head."""
        key = f"{service}:{folder}"
        if key not in self._templates:
            name = f"template_{uuid.uuid4().hex[:12]}"
            self._administer(f'CREATE DATABASE "{name}"')
            _run(migrate(self.settings(name), service, folder))
            self._templates[key] = name
        return self.create(self._templates[key])

    def drop(self, settings: DatabaseSettings) -> None:
        """Drop a database, whoever is still connected."""
        name = settings.url.get_secret_value().rsplit("/", 1)[1]
        self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self._server.superuser_dsn("postgres"))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        _run(execute())


async def schema_of(settings: DatabaseSettings) -> set[tuple[str, str]]:
    """Return every column, constraint and index, each with its table; without Alembic's own."""
    connection = await asyncpg.connect(settings.url.get_secret_value().replace("+asyncpg", "", 1))
    try:
        return {(table, thing) for table, thing in await connection.fetch(_SCHEMA) if table != "alembic_version"}
    finally:
        await connection.close()


def _run(coroutine: Any) -> None:
    """Run a coroutine in a loop of its own; sync fixtures are set up while no loop runs in this thread."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


@asynccontextmanager
async def running(service: Service, **client_options: Any) -> AsyncIterator[AsyncClient]:
    """Start a service in this process and yield an HTTP client for it."""
    async with service.app.router.lifespan_context(service.app):
        transport = ASGITransport(app=service.asgi, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://service.test", **client_options) as client:
            yield client


@pytest.fixture(autouse=True)
def changeable_logs() -> Iterator[None]:
    """Let loggers follow each new configuration, and keep one test's from the next."""
    logs.CACHED = False
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    # One that `logs` made writes to the standard output that pytest made for this test.
    logging.root.handlers = [each for each in logging.root.handlers if type(each) is not logging.StreamHandler]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def service_name() -> str:
    """Name the service under test; a service's conftest overrides it."""
    raise LookupError("Override the fixture service_name in the service's conftest.")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Run one PostgreSQL per test process."""
    with (
        scratch(tmp_path_factory.mktemp("postgres")) as folder,
        EmbeddedPostgres(folder / "server", synchronous_commit=False, fsync=False) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        # It speaks no TLS. asyncpg would ask for it, and one that is cancelled then leaves an error without an owner,
        # which makes whichever test comes next fail.
        environment.setenv("PGSSLMODE", "disable")
        yield server


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Databases:
    """Make databases."""
    return Databases(postgres)


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[DatabaseSettings]:
    """Give the test an empty database of its own."""
    settings = databases.create()
    yield settings
    databases.drop(settings)


@pytest.fixture
def database_settings(databases: Databases, service_name: str) -> Iterator[DatabaseSettings]:
    """Give the test a database of its own, with the service's schema."""
    settings = databases.create_migrated(service_name, service_dir(service_name))
    yield settings
    databases.drop(settings)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """Give the test a NATS server of its own; one starts in 20 ms."""
    with EmbeddedNats(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def broker_settings(nats: EmbeddedNats) -> BrokerSettings:
    """Say how to reach the test's NATS."""
    return BrokerSettings(url=nats.url)


@pytest.fixture(scope="session")
def tokens() -> TokenIssuer:
    """Sign tokens that the service under test accepts."""
    return TokenIssuer()


@pytest.fixture
def clock() -> FakeClock:
    """Give the test a clock that it turns itself."""
    return FakeClock()
