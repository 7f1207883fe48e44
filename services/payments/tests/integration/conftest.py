"""The whole service on a port of its own, and a real sandbox beside it, which asks it back.

One of each for all tests, since every test pays for orders of its own.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
import pytest
import uvicorn
from httpx2 import AsyncClient, Response
from pydantic import SecretStr

from chassis.app import Service
from chassis.embedded import EmbeddedNats
from chassis.ids import uuid7
from chassis.manifest import service_dir
from chassis.settings import BrokerSettings, DatabaseSettings
from chassis.testing import Databases, TokenIssuer, eventually
from payments.main import ProviderSettings, Settings, build

API_KEY, WEBHOOK_SECRET = "an-api-key-for-tests", "a-webhook-secret-for-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def own_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def sandbox_url(databases: Databases, own_port: int) -> Iterator[str]:
    """Run a sandbox; late and hanging are longer there than the client waits."""
    database = databases.create_migrated("sandbox", service_dir("sandbox"))
    port = free_port()
    environment = {
        **os.environ,
        "SERVICE": "sandbox",
        "ENVIRONMENT": "development",
        "PORT": str(port),
        "METRICS_PORT": "0",
        "DATABASE__URL": database.url.get_secret_value(),
        "API_KEY": API_KEY,
        "PEERS__PAYMENTS": f"http://127.0.0.1:{own_port}",
        "WEBHOOKS__SECRET": WEBHOOK_SECRET,
        "LATE_SECONDS": "2.5",
        "HANG_SECONDS": "3",
        "LOG__LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "chassis", "serve"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/readyz", process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
        databases.drop(database)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "it ended"
        try:
            if httpx2.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("It did not start.")


@pytest.fixture(scope="session")
def provider_settings(sandbox_url: str) -> ProviderSettings:
    return ProviderSettings(
        name="sandbox",
        url=sandbox_url,
        api_key=SecretStr(API_KEY),
        webhook_secret=SecretStr(WEBHOOK_SECRET),
        timeout_seconds=1.5,
    )


@pytest.fixture(scope="session")
def shared_database(databases: Databases) -> Iterator[DatabaseSettings]:
    settings = databases.create_migrated("payments", service_dir("payments"))
    yield settings
    databases.drop(settings)


@pytest.fixture(scope="session")
def service(
    shared_database: DatabaseSettings,
    provider_settings: ProviderSettings,
    tokens: TokenIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        settings = Settings(
            environment="development",
            database=shared_database,
            broker=BrokerSettings(url=nats.url),
            tokens=tokens.settings,
            provider=provider_settings,
            peers={},
        )
        service = build(settings)
        service.use_tokens(tokens.settings, keys=tokens)
        service.background._loops = {"resolving": service.background._loops["resolving"]}
        yield service


@pytest.fixture(scope="session")
async def client(service: Service, own_port: int) -> AsyncIterator[AsyncClient]:
    """Serve for real: the sandbox's webhooks come over the loopback."""
    server = uvicorn.Server(uvicorn.Config(service.asgi, port=own_port, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    async with AsyncClient(base_url=f"http://127.0.0.1:{own_port}", timeout=30) as client:
        yield client
    server.should_exit = True
    await serving


@pytest.fixture
async def provider(sandbox_url: str) -> AsyncIterator[AsyncClient]:
    """Ask the sandbox directly."""
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with AsyncClient(base_url=sandbox_url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def as_orders(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers("orders", "payments:take", audience="payments")


@pytest.fixture
def as_staff(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "payments:read", roles=("staff",))


@dataclass
class Orders:
    """Pays for one order, as the service orders does."""

    client: AsyncClient
    headers: dict[str, str]
    order_id: UUID = field(default_factory=uuid7)

    async def authorise(self, token: str = "tok_approve", amount: int = 2000, **changes: Any) -> Response:
        kind = "paypal" if token.startswith("pp_") else "card"
        body = {"amount": {"amount": amount, "currency": "EUR"}, "method": {"kind": kind, "token": token}, **changes}
        return await self.put("", json=body)

    async def capture(self) -> Response:
        return await self.put("/capture")

    async def void(self) -> Response:
        return await self.put("/void")

    async def refund(self, amount: int, refund_id: UUID | None = None, currency: str = "EUR") -> Response:
        body = {"amount": {"amount": amount, "currency": currency}}
        return await self.put(f"/refunds/{refund_id or uuid7()}", json=body)

    async def put(self, path: str, **options: Any) -> Response:
        return await self.client.put(f"/v1/payments/{self.order_id}{path}", headers=self.headers, **options)

    async def read(self) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/payments/{self.order_id}", headers=self.headers)
        assert answer.status_code == 200
        shown: dict[str, Any] = answer.json()
        return shown

    async def exists(self) -> bool:
        answer = await self.client.get(f"/v1/payments/{self.order_id}", headers=self.headers)
        return answer.status_code == 200

    async def state(self) -> str:
        return str((await self.read())["state"])

    async def insist(self, ask: Callable[[], Awaitable[Response]], *, seconds: float = 40) -> Response:
        """Ask again while the outcome is pending, as orders does."""
        until = time.monotonic() + seconds
        while (answer := await ask()).status_code in (202, 503) or answer.json().get("code") == "payment-pending":
            assert time.monotonic() < until, answer.text
            await asyncio.sleep(0.2)
        return answer

    async def entries(self) -> list[dict[str, Any]]:
        path = f"/v1/ledger/entries?order_id={self.order_id}"
        found: list[dict[str, Any]] = (await self.client.get(path, headers=self.headers)).json()["items"]
        return found

    async def bookings(self) -> list[str]:
        return [each["booking"] for each in await self.entries()]


@pytest.fixture
def orders(client: AsyncClient, as_orders: dict[str, str]) -> Orders:
    return Orders(client, as_orders)


@pytest.fixture
def another(client: AsyncClient, as_orders: dict[str, str]) -> Orders:
    return Orders(client, as_orders)
