"""What comes from the provider by itself: genuine, before the answer, twice, replayed, forged, stale."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from httpx2 import AsyncClient, Response

from chassis.app import Service
from chassis.ids import uuid7
from chassis.money import Money
from chassis.testing import eventually
from payments.data.units import SqlUnits
from payments.domain.methods import Method, MethodKind
from payments.domain.payments import Request
from payments.domain.steps import LEASE
from sandbox.clients.receiver import sign
from services.payments.tests.integration.conftest import WEBHOOK_SECRET, Orders

pytestmark = pytest.mark.anyio

PATH = "/v1/provider-webhooks/sandbox"


def said(order_id: UUID, **changes: object) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "reference": f"{order_id}-authorise",
        "kind": "authorisation",
        "state": "approved",
        "code": None,
        "provider_reference": "ref-1",
        "amount": {"amount": 2000, "currency": "EUR"},
        "occurred_at": "2026-11-01T12:00:00Z",
        **changes,
    }


async def send(
    client: AsyncClient,
    body: dict[str, Any],
    *,
    secret: str = WEBHOOK_SECRET,
    age_seconds: int = 0,
    signature: str | None = None,
    path: str = PATH,
) -> Response:
    raw = orjson.dumps(body)
    shown = signature or sign(secret.encode(), int(time.time()) - age_seconds, raw)
    headers = {"webhook-signature": shown, "content-type": "application/json"}
    return await client.post(path, content=raw, headers=headers)


@pytest.fixture
async def pending(service: Service, client: AsyncClient, orders: Orders) -> Orders:
    """An order whose wish is committed, and whose provider is just being asked, for as long as the lease lasts."""
    units = SqlUnits(service.app.state.database)
    async with units() as uow:
        now = datetime.now(UTC)
        payment = await uow.payments.get_or_add(orders.order_id, provider="sandbox", now=now)
        request = Request(Money(2000, "EUR"), Method(MethodKind.CARD, "tok_approve"), None)
        payment.claim(payment.authorise(request, now), now)
    assert await orders.state() == "pending"
    return orders


async def test_webhook_settles_what_is_pending(client: AsyncClient, pending: Orders) -> None:
    assert (await send(client, said(pending.order_id))).status_code == 204
    assert (await pending.read())["state"] == "authorised"
    assert (await pending.read())["provider_reference"] == "ref-1"
    assert await pending.bookings() == ["held"]


async def test_webhook_of_the_sandbox_settles_what_is_pending(pending: Orders, provider: AsyncClient) -> None:
    """Nobody reads the provider's answer: the process that asked is gone, and its lease holds for some time."""
    body = {
        "reference": f"{pending.order_id}-authorise",
        "amount": {"amount": 2000, "currency": "EUR"},
        "method": "card",
        "token": "tok_answer_twice",
    }
    assert (await provider.post("/v1/authorisations", json=body)).json()["state"] == "approved"
    await eventually(lambda: is_authorised(pending), seconds=LEASE.total_seconds() - 2)
    assert await pending.bookings() == ["held"]


async def is_authorised(orders: Orders) -> bool:
    return await orders.state() == "authorised"


@pytest.mark.parametrize("reason", ["no-4111111111111111", "4111 1111 1111 1111", "sorry, no", "", "x" * 65, "\0"])
async def test_reason_that_is_no_code_is_not_kept(client: AsyncClient, pending: Orders, reason: str) -> None:
    assert (await send(client, said(pending.order_id, state="refused", code=reason))).status_code == 204
    found = await pending.read()
    assert (found["state"], found["decline_code"]) == ("declined", "unspecified")


@pytest.mark.parametrize("name", ["4111111111111111", "ref 1", "", "x" * 129, "\0"])
async def test_name_that_may_be_a_card_number_is_not_kept(client: AsyncClient, pending: Orders, name: str) -> None:
    assert (await send(client, said(pending.order_id, provider_reference=name))).status_code == 204
    found = await pending.read()
    assert (found["state"], found["provider_reference"]) == ("authorised", None)


async def test_second_webhook_changes_nothing(client: AsyncClient, pending: Orders) -> None:
    await send(client, said(pending.order_id))
    before = await pending.read()
    assert (await send(client, said(pending.order_id))).status_code == 204
    assert (await send(client, said(pending.order_id, state="refused", code="declined"))).status_code == 204
    assert await pending.read() == before


async def test_two_webhooks_at_once_book_once(client: AsyncClient, pending: Orders) -> None:
    await asyncio.gather(*(send(client, said(pending.order_id)) for _ in range(8)))
    assert await pending.bookings() == ["held"]


async def test_replayed_webhook_is_refused(client: AsyncClient, pending: Orders) -> None:
    body = said(pending.order_id)
    signature = sign(WEBHOOK_SECRET.encode(), int(time.time()), orjson.dumps(body))
    assert (await send(client, body, signature=signature)).status_code == 204
    replayed = await send(client, body, signature=signature)
    assert (replayed.status_code, replayed.json()["code"]) == (409, "webhook-replayed")


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "another-secret-for-tests"},
        {"age_seconds": 301},
        {"age_seconds": -301},
        {"signature": "t=1,v1=00"},
        {"signature": f"t=1,v1={'0' * 64}"},
        {"signature": "v1=00"},
    ],
)
async def test_forged_or_stale_webhook_is_refused(client: AsyncClient, pending: Orders, forged: dict[str, Any]) -> None:
    refused = await send(client, said(pending.order_id), **forged)
    assert (refused.status_code, refused.json()["code"]) == (401, "webhook-refused")
    assert await pending.state() == "pending"
    assert (await send(client, said(pending.order_id), age_seconds=299)).status_code == 204
    assert await pending.state() == "authorised"


async def test_signature_is_of_the_body(client: AsyncClient, pending: Orders) -> None:
    other = sign(WEBHOOK_SECRET.encode(), int(time.time()), orjson.dumps(said(uuid7())))
    assert (await send(client, said(pending.order_id), signature=other)).status_code == 401


async def test_webhook_without_signature_is_refused_whatever_it_says(client: AsyncClient) -> None:
    assert (await client.post(PATH, json={})).status_code == 401


async def test_webhook_of_another_provider_is_not_found(client: AsyncClient, pending: Orders) -> None:
    refused = await send(client, said(pending.order_id), path="/v1/provider-webhooks/other")
    assert refused.status_code == 404


async def test_webhook_about_nothing_of_ours_changes_nothing(client: AsyncClient) -> None:
    assert (await send(client, said(uuid7()))).status_code == 204


async def test_webhook_about_another_amount_changes_nothing(client: AsyncClient, pending: Orders) -> None:
    other = {"amount": 1999, "currency": "EUR"}
    assert (await send(client, said(pending.order_id, amount=other))).status_code == 204
    assert await pending.state() == "pending"
    assert (await send(client, said(pending.order_id))).status_code == 204
    assert await pending.state() == "authorised"
