"""Stand-ins and examples for every kind of test of this service."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from chassis.app import Service
from chassis.database import Database
from chassis.embedded import EmbeddedNats
from chassis.ids import uuid7
from chassis.settings import BrokerSettings, ClientSettings, DatabaseSettings
from chassis.testing import TokenIssuer, running
from orders.main import build
from orders.settings import CheckoutSettings, Settings
from orders.workers.sagas import SagaWorker
from services.orders.tests.peers import Peers, answering

HOME = {
    "recipient": "Ada Lovelace",
    "line1": "Unter den Linden 1",
    "city": "Berlin",
    "postal_code": "10117",
    "country": "DE",
}


@pytest.fixture(scope="session")
def service_name() -> str:
    return "orders"


@pytest.fixture
def peers() -> Iterator[Peers]:
    with answering(Peers()) as peers:
        yield peers


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerSettings]:
    with EmbeddedNats(tmp_path_factory.mktemp("nats")) as nats:
        yield BrokerSettings(url=nats.url)


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database(database_settings, service="orders")
    async with database.lifespan():
        yield database


Configure = Callable[..., Settings]


@pytest.fixture
def configure(
    database_settings: DatabaseSettings, broker: BrokerSettings, tokens: TokenIssuer, peers: Peers
) -> Configure:
    """Make the service's settings; what a test does not say is as it is for most of them."""

    def configured(*, background: bool = False, retries: int = 0, **checkout: Any) -> Settings:
        return Settings(
            environment="development",
            database=database_settings,
            broker=broker,
            tokens=tokens.settings,
            client=ClientSettings(token_url=f"{peers.address}/auth/v1/oauth/token", secret="secret", retries=retries),
            peers={name: f"{peers.address}/{name}" for name in ("catalog", "customers", "inventory", "payments")},
            background=background,
            checkout=CheckoutSettings(**{"poll_seconds": 0.1, **checkout}),
        )

    return configured


@pytest.fixture
def made(tokens: TokenIssuer) -> Callable[[Settings], Service]:
    """Make a service that takes the tests' tokens."""

    def make(settings: Settings) -> Service:
        service = build(settings)
        service.use_tokens(tokens.settings, keys=tokens)
        return service

    return make


@pytest.fixture
def settings(configure: Configure) -> Settings:
    return configure()


@pytest.fixture
def service(made: Callable[[Settings], Service], settings: Settings) -> Service:
    return made(settings)


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


@pytest.fixture
def worker(service: Service) -> SagaWorker:
    worker: SagaWorker = service.app.state.worker
    return worker


@pytest.fixture
def ada() -> UUID:
    return uuid7()


@pytest.fixture
def as_ada(tokens: TokenIssuer, ada: UUID) -> dict[str, str]:
    return tokens.headers(ada, "orders:own")


@pytest.fixture
def as_bob(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "orders:own")


@pytest.fixture
def as_staff(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid7(), "orders:own", "orders:manage", roles=("staff",))


class Shop:
    """What a customer does in the shop."""

    def __init__(self, client: AsyncClient, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    async def cart(self, **quantities: int) -> str:
        """Put this into the customer's cart; return its id."""
        opened = await self.client.post("/v1/carts", json={}, headers=self.headers)
        cart_id: str = opened.json()["id"]
        for sku, quantity in quantities.items():
            path = f"/v1/carts/{cart_id}/lines/{sku}"
            assert (await self.client.put(path, json={"quantity": quantity}, headers=self.headers)).status_code == 200
        return cart_id

    async def order(
        self, cart_id: str, token: str = "tok_approve", *, key: str | None = None, prefer: str = "", **changes: Any
    ) -> Response:
        """Order what is in the cart."""
        body = {
            "cart_id": cart_id,
            "shipping_address": HOME,
            "shipping_method": "standard",
            "payment": {"kind": "card", "token": token},
            **changes,
        }
        headers = {**self.headers, "idempotency-key": key or uuid4().hex, **({"prefer": prefer} if prefer else {})}
        given = {name: value for name, value in body.items() if value is not None}
        return await self.client.post("/v1/orders", json=given, headers=headers)

    async def read(self, order_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"/v1/orders/{order_id}", headers=self.headers)).json()
        return found

    async def cancel(self, order_id: str, reason: str | None = None) -> Response:
        headers = {**self.headers, "idempotency-key": uuid4().hex}
        return await self.client.post(f"/v1/orders/{order_id}/cancellation", json={"reason": reason}, headers=headers)


@pytest.fixture
def shop(client: AsyncClient, as_ada: dict[str, str]) -> Shop:
    return Shop(client, as_ada)


@pytest.fixture
def placed(shop: Shop, peers: Peers) -> Callable[..., Awaitable[str]]:
    """Place an order for three of a thing; return its id."""

    async def place(token: str = "tok_approve", **options: Any) -> str:
        peers.sell("MUG")
        answer = await shop.order(await shop.cart(MUG=3), token, **options)
        assert answer.status_code == 201, answer.json()
        order_id: str = answer.json()["id"]
        return order_id

    return place
