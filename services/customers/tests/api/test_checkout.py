"""What a checkout is told of a customer, and who is not told."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.database import Database
from chassis.testing import TokenIssuer
from customers.data.customers import SqlUnitOfWork
from customers.domain.services import AccountService

pytestmark = pytest.mark.anyio

ME = "/v1/customers/me"
HOME = {"recipient": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB"}
CARDS: list[dict[str, Any]] = [
    {
        "kind": "card",
        "token": "tok_approve",
        "label": "Old",
        "last4": "4242",
        "expires": "2027-04",
        "is_default": False,
    },
    {"kind": "paypal", "token": "pp_approve", "label": "New", "last4": None, "expires": None, "is_default": True},
]


async def test_checkout_is_told_all_it_needs(
    client: AsyncClient, ada: UUID, as_ada: dict[str, str], as_bob: dict[str, str], as_orders: dict[str, str]
) -> None:
    address = (await client.post(f"{ME}/addresses", json=HOME, headers=as_ada)).json()
    ids = [(await client.post(f"{ME}/payment-methods", json=each, headers=as_ada)).json()["id"] for each in CARDS]
    await client.post(f"{ME}/payment-methods", json=CARDS[0], headers=as_bob)
    answer = await client.get(f"/v1/customers/{ada}/checkout", headers=as_orders)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(ada),
        "tier": "standard",
        "email": None,
        "addresses": [address],
        "payment_methods": [{"id": own, **card} for own, card in zip(ids, CARDS, strict=True)],
    }


async def test_person_is_not_told(
    client: AsyncClient,
    tokens: TokenIssuer,
    ada: UUID,
    as_ada: dict[str, str],
    as_staff: dict[str, str],
    as_orders: dict[str, str],
) -> None:
    path = f"/v1/customers/{ada}/checkout"
    for headers in (as_ada, as_staff, tokens.headers("orders", "customers:own", audience="customers")):
        refused = await client.get(path, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert (await client.get(path)).status_code == 401
    elsewhere = tokens.headers("orders", "customers:checkout", audience="payments")
    assert (await client.get(path, headers=elsewhere)).status_code == 401
    assert (await client.get(path, headers=as_orders)).status_code == 200


async def test_scope_of_a_checkout_opens_nothing_else(
    client: AsyncClient, ada: UUID, as_orders: dict[str, str], as_staff: dict[str, str]
) -> None:
    await client.get(f"/v1/customers/{ada}/checkout", headers=as_orders)
    for path in (f"/v1/customers/{ada}", "/v1/customers"):
        assert (await client.get(path, headers=as_orders)).status_code == 403
        assert (await client.get(path, headers=as_staff)).status_code == 200


async def test_order_need_not_wait_for_the_news_of_the_registration(
    client: AsyncClient, as_orders: dict[str, str]
) -> None:
    nobody = uuid4()
    answer = await client.get(f"/v1/customers/{nobody}/checkout", headers=as_orders)
    assert (answer.status_code, answer.json()["tier"], answer.json()["addresses"]) == (200, "standard", [])


async def test_closed_account_cannot_check_out(
    client: AsyncClient, service: Service, ada: UUID, as_ada: dict[str, str], as_orders: dict[str, str]
) -> None:
    path = f"/v1/customers/{ada}/checkout"
    await client.post(f"{ME}/payment-methods", json=CARDS[0], headers=as_ada)
    assert len((await client.get(path, headers=as_orders)).json()["payment_methods"]) == 1
    database: Database = service.app.state.database
    async with database.transaction() as session:
        await AccountService(SqlUnitOfWork(session)).close(ada, at=datetime(2026, 11, 1, tzinfo=UTC))
    refused = await client.get(path, headers=as_orders)
    assert (refused.status_code, refused.json()["code"]) == (404, "customer-not-found")
    assert (await client.get(f"{ME}/payment-methods", headers=as_ada)).json()["items"] == []
