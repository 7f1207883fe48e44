"""The services of a checkout in one process: the real ones on real databases, asking each other over ``Wires``.

Catalog, customers and auth are stand-ins: they say the same to everybody. Time is turned by hand, for all at once.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import inventory.main
import orders.main
import payments.main
import sandbox.main
from chassis import app, breaker, clients, logs
from chassis.app import Service
from chassis.clock import SystemClock
from chassis.database import Database
from chassis.ids import uuid7
from chassis.security import USERS, TokenVerifier
from chassis.settings import BrokerSettings, ClientSettings, DatabaseSettings, LogSettings
from chassis.testing import FakeClock, TokenIssuer
from inventory.domain.services import ReservationService
from inventory.workers.expiry import Expiry
from orders.domain.sagas import Outcome
from orders.domain.services import Task
from orders.workers.sagas import SagaWorker
from payments.workers.resolving import Resolving
from sandbox.api import operations
from sandbox.workers.deliveries import Deliveries
from tests.together.wires import Wires

SERVICES = ("orders", "inventory", "payments", "sandbox")
PRICE = 1000
_API_KEY, _SECRET = SecretStr("an-api-key-for-tests"), SecretStr("a-webhook-secret-for-tests")
_HOME = {"recipient": "Ada", "line1": "1 Road", "city": "Berlin", "postal_code": "10115", "country": "DE"}
_LATER = text(
    "UPDATE sagas SET next_attempt_at = next_attempt_at - gone, leased_until = leased_until - gone,"
    " deadline_at = deadline_at - gone FROM (SELECT CAST(:gone AS interval) AS gone) AS past WHERE finished_at IS NULL"
)
_FORGET = {
    "orders": "DELETE FROM sagas",
    "payments": "UPDATE steps SET due_at = NULL",
    "sandbox": "UPDATE deliveries SET due_at = NULL",
}


class _Trusting(breaker.Breaker):
    """Never leaves anybody alone: it would do so for seconds, and these tests take none."""

    def __init__(self, peer: str, **_: object) -> None:
        super().__init__(peer, failures=10**9, volume=10**9)


@dataclass
class Shop:
    """Everything there is to a shop, and what people, time and chance do to it."""

    services: Mapping[str, Service]
    clock: FakeClock
    wires: Wires
    tokens: TokenIssuer
    api: AsyncClient
    shelf: AsyncClient

    def __post_init__(self) -> None:
        found = {name: service.app.state for name, service in self.services.items()}
        self.worker: SagaWorker = found["orders"].worker
        self.expiry = Expiry(ReservationService(found["inventory"].units, self.clock))
        resolving = self.services["payments"].background._loops["resolving"]
        self.resolving: Resolving = resolving.__self__  # type: ignore[attr-defined] # it is the loop's bound method
        self.deliveries: Deliveries = found["sandbox"].reports
        self.begun: list[Task] = []
        self.answered: list[tuple[Task, Outcome]] = []

    async def rows(self, service: str, statement: str, **parameters: object) -> list[Any]:
        """Return what is in a service's database."""
        database: Database = self.services[service].app.state.database
        async with database.read() as connection:
            found = await connection.execute(text(statement), parameters)
            return list(found) if found.returns_rows else []

    async def begin_anew(self) -> None:
        """Have nobody work on what was before."""
        self.wires.moods.clear()
        await self.wires.bring_late_ones()
        self.begun.clear()
        self.answered.clear()
        for service, statement in _FORGET.items():
            await self.rows(service, statement)

    # What people do.

    async def receive(self, sku: str, quantity: int) -> None:
        """Put pieces on the shelf."""
        body = {"sku": sku, "quantity": quantity, "reason": "received"}
        headers = {**self._staff("inventory:manage"), "idempotency-key": uuid4().hex}
        answer = await self.shelf.post("/v1/stock-adjustments", json=body, headers=headers)
        assert answer.status_code == 201, answer.text

    async def place(self, sku: str, quantity: int, token: str) -> dict[str, Any]:
        """Order something; everybody orders once."""
        headers = self.tokens.headers(uuid7(), "orders:own")
        cart_id = (await self.api.post("/v1/carts", json={}, headers=headers)).json()["id"]
        path = f"/v1/carts/{cart_id}/lines/{sku}"
        assert (await self.api.put(path, json={"quantity": quantity}, headers=headers)).status_code == 200
        payment = {"kind": "paypal" if token.startswith("pp_") else "card", "token": token}
        body = {"cart_id": cart_id, "shipping_address": _HOME, "payment": payment}
        headers["idempotency-key"] = uuid4().hex
        placed = await self.api.post("/v1/orders", json=body, headers=headers)
        assert placed.status_code == 201, placed.text
        order: dict[str, Any] = placed.json()
        return order

    async def read(self, order_id: str) -> dict[str, Any]:
        """Return an order as staff sees it."""
        found = await self.api.get(f"/v1/orders/{order_id}", headers=self._staff("orders:own", "orders:manage"))
        assert found.status_code == 200, found.text
        order: dict[str, Any] = found.json()
        return order

    async def staff(self, path: str, body: Mapping[str, Any]) -> Response:
        """Do something to an order or a saga that may be refused."""
        headers = {**self._staff("orders:own", "orders:manage"), "idempotency-key": uuid4().hex}
        answer = await self.api.post(path, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer

    def _staff(self, *scopes: str) -> dict[str, str]:
        return self.tokens.headers(uuid7(), *scopes, roles=("staff",))

    # What happens by itself.

    async def let_pass(self, seconds: float) -> None:
        """Let time pass, for everybody."""
        self.clock.advance(seconds=seconds)
        database: Database = self.services["orders"].app.state.database
        async with database.read() as connection:
            await connection.execute(_LATER, {"gone": timedelta(seconds=seconds)})

    async def payments_resolve(self) -> None:
        """Let payments ask the provider about everything that is due."""
        await self.resolving.turn()

    async def begin(self) -> bool:
        """Let a worker of orders begin with a saga; False if none is due."""
        turn = await self.worker._claim()
        if turn is not None and turn.task is not None:
            self.begun.append(turn.task)
        return turn is not None

    async def call(self) -> None:
        """Let the first that has begun make its call."""
        if self.begun:
            task = self.begun.pop(0)
            self.answered.append((task, await self.worker._attempt(task)))

    async def settle(self) -> None:
        """Let the last that has called take in what came of it."""
        if self.answered:
            turn = await self.worker._settle(*self.answered.pop())
            if turn is not None and turn.task is not None:
                self.begun.append(turn.task)

    async def work(self, steps: int) -> None:
        """Let sagas go on by so many steps."""
        for _ in range(steps):
            if not self.begun and not await self.begin():
                return
            await self.call()
            await self.settle()


@asynccontextmanager
async def opened(
    databases: Mapping[str, DatabaseSettings], broker: BrokerSettings, tokens: TokenIssuer, patch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    """Open a shop for the length of the block."""
    clock, wires = FakeClock(), Wires()
    logs.configure(LogSettings(level="error"), service="shop", version="0")
    for module in (clients, payments.main, sandbox.main):
        patch.setattr(module, "HttpSession", lambda: wires)
    for module in (breaker, clients, payments.main):
        patch.setattr(module, "Breaker", _Trusting)
    patch.setattr(operations, "asyncio", SimpleNamespace(sleep=_at_once))
    services = _built(databases, broker, tokens, clock, patch)
    for service in services.values():
        service.app.state.tokens = TokenVerifier(
            issuer=tokens.issuer, audiences=(USERS, service.name), keys=tokens, clock=SystemClock()
        )
    for host, name in {
        "inventory": "inventory",
        "payments": "payments",
        "hooks": "payments",
        "sandbox": "sandbox",
    }.items():
        wires.connect(host, services[name].asgi)
    for host in ("auth", "catalog", "customers"):
        wires.connect(host, _neighbours(tokens))
    async with AsyncExitStack() as stack:
        for service in services.values():
            await stack.enter_async_context(service.app.router.lifespan_context(service.app))
        api, shelf = [
            await stack.enter_async_context(
                AsyncClient(transport=ASGITransport(services[name].asgi), base_url=f"http://{name}")
            )
            for name in ("orders", "inventory")
        ]
        yield Shop(services, clock, wires, tokens, api, shelf)


def _built(
    databases: Mapping[str, DatabaseSettings],
    broker: BrokerSettings,
    tokens: TokenIssuer,
    clock: FakeClock,
    patch: pytest.MonkeyPatch,
) -> dict[str, Service]:
    """Build the services. The sagas' times are PostgreSQL's, and all others the clock's that is turned by hand."""

    def common(name: str) -> dict[str, Any]:
        return {"environment": "development", "background": False, "database": databases[name]}

    built = {
        "orders": orders.main.build(
            orders.main.Settings(
                **common("orders"),
                broker=broker,
                tokens=tokens.settings,
                client=ClientSettings(token_url="http://auth/v1/oauth/token", secret=SecretStr("secret"), retries=0),
                peers={name: f"http://{name}" for name in ("catalog", "customers", "inventory", "payments")},
            )
        )
    }
    patch.setattr(app, "SystemClock", lambda: clock)
    built["inventory"] = inventory.main.build(
        inventory.main.Settings(**common("inventory"), broker=broker, tokens=tokens.settings)
    )
    built["payments"] = payments.main.build(
        payments.main.Settings(
            **common("payments"),
            broker=broker,
            tokens=tokens.settings,
            peers={"sandbox": "http://sandbox"},
            provider=payments.main.ProviderSettings(name="sandbox", api_key=_API_KEY, webhook_secret=_SECRET),
        )
    )
    built["sandbox"] = sandbox.main.build(
        sandbox.main.Settings(
            **common("sandbox"),
            peers={"payments": "http://hooks"},
            api_key=_API_KEY,
            webhooks=sandbox.main.WebhookSettings(secret=_SECRET),
        )
    )
    return built


def _neighbours(tokens: TokenIssuer) -> Starlette:
    """Return who has no part in this: a till that gives tokens, a catalogue of whatever is asked for, no customers."""

    async def token(request: Request) -> JSONResponse:
        form = parse_qs((await request.body()).decode())
        audience, scopes = form["resource"][0].rpartition(":")[2], form["scope"][0].split()
        return JSONResponse(
            {"access_token": tokens.issue("orders", scopes=scopes, audience=audience), "expires_in": 600}
        )

    async def skus(request: Request) -> JSONResponse:
        items = [
            {
                "sku": sku,
                "product_id": sku,
                "name": sku,
                "price": {"amount": PRICE, "currency": "EUR"},
                "weight_grams": 100,
                "tax_class": "standard",
            }
            for sku in request.query_params.getlist("sku")
        ]
        return JSONResponse({"items": items, "missing": []})

    async def nobody(request: Request) -> JSONResponse:
        return JSONResponse({"code": "customer-not-found"}, 404)

    return Starlette(
        routes=[
            Route("/v1/oauth/token", token, methods=["POST"]),
            Route("/v1/skus", skus),
            Route("/v1/customers/{customer_id}/checkout", nobody),
        ]
    )


async def _at_once(_seconds: float) -> None:
    """Hold no answer: a late one is told by the state that it has until then."""
