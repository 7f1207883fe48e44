"""Wherever a card's number is sent, it is refused or ignored, and neither logged nor stored."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from chassis import logs
from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.settings import LogSettings
from services.payments.tests.integration.conftest import Orders
from services.payments.tests.integration.test_webhooks import said, send

pytestmark = pytest.mark.anyio

NUMBERS = ("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005")
EUR_20 = {"amount": 2000, "currency": "EUR"}


def bodies(number: str) -> Iterator[dict[str, Any]]:
    """A payment that would be good, with the number in each of its places, and in one that there is not."""
    good = {"amount": EUR_20, "method": {"kind": "card", "token": "tok_approve"}}
    for token in (number, f"tok_{number}", f"tok_approve-{number}"):
        yield {**good, "method": {"kind": "card", "token": token}}
    yield {**good, "method": {"kind": number, "token": "tok_approve"}}
    yield {**good, "method": {"kind": "card", "token": "tok_approve", number: number}}
    yield {**good, "amount": {"amount": number, "currency": "EUR"}}
    yield {**good, "amount": {"amount": 2000, "currency": number}}
    yield {**good, "customer_id": number}
    yield {**good, "card_number": number}
    yield {**good, number: "card_number"}


async def send_everywhere(orders: Orders, number: str) -> None:
    client, headers = orders.client, orders.headers
    where = f"/v1/payments/{orders.order_id}"
    for body in bodies(number):
        assert (await client.put(where, json=body, headers=headers)).status_code == 422
    assert (await client.put(where, content=number, headers=headers)).status_code == 422
    for path in ("", "/capture", "/void"):
        await client.put(f"/v1/payments/{quote(number)}{path}", json={}, headers=headers)
    await client.put(f"{where}/refunds/{quote(number)}", json={"amount": EUR_20}, headers=headers)
    await client.get(f"/{quote(number)}", headers=headers)
    for query in ("cursor", "as_of", "limit", "x"):
        await client.get("/v1/payments", params={query: number}, headers=headers)
    for query in ("order_id", "account", "cursor"):
        await client.get("/v1/ledger/entries", params={query: number}, headers=headers)
    names = ("x-request-id", "traceparent", "tracestate", "user-agent", "referer", "cookie", "authorization",
             "idempotency-key", "x-request-timeout-ms", "content-type", "accept", number.replace(" ", "-"))  # fmt: skip
    for name in names:
        await client.put(f"{where}/capture", headers={**headers, name: number})
    await send(client, said(orders.order_id), path=f"/v1/provider-webhooks/{quote(number)}")
    await send(client, said(orders.order_id), signature=number)
    await send(client, said(orders.order_id, state=number))
    for field in ("id", "reference", "kind", "code", "provider_reference", "occurred_at"):
        await send(client, said(uuid7(), **{field: number}))


async def stored(service: Service) -> str:
    """Everything there is in the database."""
    database: Database = service.app.state.database
    async with database.read() as connection:
        tables = await connection.scalars(
            text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        )
        found = [await connection.scalars(text(f"SELECT t::text FROM {name} AS t")) for name in tables.all()]
        return "\n".join(line for each in found for line in each)


async def test_card_number_is_nowhere_whoever_sends_it_wherever(
    service: Service, orders: Orders, client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogSettings(level="debug"), service="payments", version="1")
    for number in NUMBERS:
        await send_everywhere(orders, number)
    assert (await orders.insist(orders.authorise)).json()["state"] == "authorised"
    shown = capsys.readouterr()
    assert f"/v1/payments/{orders.order_id}" in shown.out
    kept = await stored(service)
    assert str(orders.order_id) in kept
    for number in NUMBERS:
        for form in (number, quote(number), number.replace(" ", "").replace("-", "")):
            assert form not in shown.out
            assert form not in shown.err
            assert form not in kept
