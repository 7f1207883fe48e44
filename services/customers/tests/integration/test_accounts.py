"""From auth's event, over a real broker, to the customer that its owner reads: late, repeated, out of order."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import anyio
import pytest
from httpx2 import AsyncClient
from sqlalchemy import Select, select

from chassis.app import Service
from chassis.database import Database
from chassis.events import Envelope
from chassis.ids import uuid7
from chassis.manifest import event_type, read, service_dir
from chassis.nats_bus import NatsBus
from chassis.settings import BrokerSettings, DatabaseSettings
from chassis.tables import failed_messages, inbox
from chassis.testing import TokenIssuer, running
from customers.main import Settings, build

pytestmark = pytest.mark.anyio

Found = TypeVar("Found")
ME = "/v1/customers/me"
REGISTERED_AT = "2026-11-01T12:00:00Z"


@pytest.fixture
async def auth(broker_settings: BrokerSettings) -> AsyncIterator[NatsBus]:
    """Stand in for auth: a stream, and a way to tell things on it."""
    bus = NatsBus(broker_settings, service="auth")
    async with bus.lifespan():
        await bus.ensure_stream(read(service_dir("auth") / "service.yaml"))
        yield bus


@pytest.fixture
def service(database_settings: DatabaseSettings, broker_settings: BrokerSettings, tokens: TokenIssuer) -> Service:
    settings = Settings(
        environment="development", database=database_settings, broker=broker_settings, tokens=tokens.settings
    )
    service = build(settings)
    service.use_tokens(tokens.settings, keys=tokens)
    return service


@pytest.fixture
async def client(service: Service, auth: NatsBus) -> AsyncIterator[AsyncClient]:
    async with running(service) as client:
        yield client


@pytest.fixture
def ada() -> UUID:
    return uuid7()


@pytest.fixture
def as_ada(tokens: TokenIssuer, ada: UUID) -> dict[str, str]:
    return tokens.headers(ada, "customers:own")


def registered(account_id: UUID, **changes: object) -> Envelope:
    data: dict[str, Any] = {
        "account_id": str(account_id),
        "email": "ada@example.com",
        "name": "Ada",
        "registered_at": REGISTERED_AT,
        **changes,
    }
    return envelope("account-registered", account_id, data)


def closed(account_id: UUID) -> Envelope:
    at = datetime.now(UTC).isoformat()
    return envelope("account-closed", account_id, {"account_id": str(account_id), "closed_at": at})


def envelope(event: str, account_id: UUID, data: dict[str, Any]) -> Envelope:
    return Envelope(
        id=uuid7(), type=event_type("auth", event), source="/auth", subject=str(account_id), data=data, sequence=1
    )


async def soon(find: Callable[[], Awaitable[Found | None]]) -> Found:
    """Look until something is found; fail after ten seconds."""
    until = time.monotonic() + 10
    while (found := await find()) is None:
        assert time.monotonic() < until
        await anyio.sleep(0.02)
    return found


async def handled(service: Service, event: Envelope) -> None:
    """Return when the service has handled ``event``."""
    await soon(lambda: first(service, select(inbox.c.event_id).where(inbox.c.event_id == event.id)))


async def first(service: Service, query: Select[Found]) -> Found | None:
    database: Database = service.app.state.database
    async with database.read() as connection:
        return await connection.scalar(query)


async def test_registered_account_becomes_a_customer(
    service: Service, client: AsyncClient, auth: NatsBus, tokens: TokenIssuer, ada: UUID
) -> None:
    event = registered(ada)
    await auth.publish([event])
    await handled(service, event)
    staff = tokens.headers(uuid7(), "customers:manage", roles=("staff",))
    answer = await client.get(f"/v1/customers/{ada}", headers=staff)
    assert answer.json() == {
        "id": str(ada),
        "email": "ada@example.com",
        "name": "Ada",
        "phone": None,
        "locale": None,
        "tier": "standard",
        "registered_at": REGISTERED_AT,
    }


async def test_late_news_leaves_what_the_owner_has_set(
    service: Service, client: AsyncClient, auth: NatsBus, ada: UUID, as_ada: dict[str, str]
) -> None:
    early = await client.get(ME, headers=as_ada)
    assert (early.status_code, early.json()["email"]) == (200, None)
    edit = {**as_ada, "if-match": early.headers["etag"]}
    assert (await client.patch(ME, json={"name": "Countess"}, headers=edit)).status_code == 200
    event = registered(ada)
    await auth.publish([event])
    await handled(service, event)
    found = (await client.get(ME, headers=as_ada)).json()
    assert (found["name"], found["email"], found["registered_at"]) == ("Countess", "ada@example.com", REGISTERED_AT)


async def test_news_told_again_changes_nothing(
    service: Service, client: AsyncClient, auth: NatsBus, ada: UUID, as_ada: dict[str, str]
) -> None:
    event = registered(ada)
    await auth.publish([event])
    await handled(service, event)
    first = await client.get(ME, headers=as_ada)
    again = registered(ada, email="other@example.com", name="Other")
    await auth.publish([event, again])
    await handled(service, again)
    second = await client.get(ME, headers=as_ada)
    assert (second.json(), second.headers["etag"]) == (first.json(), first.headers["etag"])


async def test_closed_account_is_gone_for_everybody(
    service: Service,
    client: AsyncClient,
    auth: NatsBus,
    tokens: TokenIssuer,
    ada: UUID,
    as_ada: dict[str, str],
) -> None:
    staff = tokens.headers(uuid7(), "customers:manage", roles=("staff",))
    paths = {ME: as_ada, f"{ME}/preferences": as_ada, f"/v1/customers/{ada}": staff}
    for path, headers in paths.items():
        assert (await client.get(path, headers=headers)).status_code == 200
    event = closed(ada)
    await auth.publish([event])
    await handled(service, event)
    for path, headers in paths.items():
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "customer-not-found")


async def test_closing_that_overtakes_the_registration_wins(
    service: Service, client: AsyncClient, auth: NatsBus, ada: UUID, as_ada: dict[str, str]
) -> None:
    for event in (closed(ada), registered(ada)):
        await auth.publish([event])
        await handled(service, event)
    assert (await client.get(ME, headers=as_ada)).status_code == 404


async def test_event_that_cannot_be_handled_is_kept_without_repeating_what_is_personal(
    service: Service, client: AsyncClient, auth: NatsBus, ada: UUID
) -> None:
    event = registered(ada, registered_at="ada@example.com")
    await auth.publish([event])
    error = await soon(lambda: first(service, select(failed_messages.c.error)))
    assert "registered_at" in error
    assert "ada@example.com" not in error
