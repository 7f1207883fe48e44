"""Taking payments through a real provider in a process of its own."""

from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from chassis.testing import TokenIssuer
from services.payments.tests.integration.conftest import Orders

pytestmark = pytest.mark.anyio


async def test_payment_is_authorised_captured_and_refunded(orders: Orders) -> None:
    authorised = await orders.authorise()
    assert authorised.status_code == 201, authorised.text
    shown = authorised.json()
    assert (shown["state"], shown["amount"], shown["captured"]["amount"]) == (
        "authorised",
        {"amount": 2000, "currency": "EUR"},
        0,
    )
    captured = await orders.capture()
    assert (captured.status_code, captured.json()["state"], captured.json()["captured"]["amount"]) == (
        200,
        "captured",
        2000,
    )
    refunded = await orders.refund(500)
    assert (refunded.status_code, refunded.json()["state"], refunded.json()["refunded"]["amount"]) == (
        201,
        "refunded",
        500,
    )
    assert await orders.bookings() == ["held", "captured", "refunded"]


async def test_declined_is_an_outcome_and_final(orders: Orders) -> None:
    declined = await orders.authorise("tok_decline")
    assert (declined.status_code, declined.json()["state"], declined.json()["decline_code"]) == (
        200,
        "declined",
        "declined",
    )
    assert (await orders.authorise("tok_decline")).json()["state"] == "declined"
    refused = await orders.capture()
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-not-authorised")
    assert await orders.bookings() == []


async def test_voided_payment_holds_nothing(orders: Orders, provider: AsyncClient) -> None:
    await orders.authorise()
    voided = await orders.void()
    assert (voided.status_code, voided.json()["state"], voided.json()["held"]["amount"]) == (200, "voided", 0)
    assert (await orders.void()).status_code == 200
    refused = await orders.capture()
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-voided")
    there = await provider.get(f"/v1/operations/{orders.order_id}-void")
    assert there.json()["state"] == "approved"
    assert await orders.bookings() == ["held", "released"]


async def test_void_of_an_unknown_order_refuses_the_late_original(orders: Orders, another: Orders) -> None:
    voided = await orders.void()
    assert (voided.status_code, voided.json()["state"], voided.json()["amount"]) == (200, "voided", None)
    refused = await orders.authorise()
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-voided")
    assert (await another.authorise()).status_code == 201


async def test_asking_again_changes_nothing(orders: Orders, provider: AsyncClient) -> None:
    first = await orders.authorise()
    again = await orders.authorise()
    assert (again.status_code, again.json()) == (200, first.json())
    first = await orders.capture()
    assert (await orders.capture()).json() == first.json()
    refund_id = uuid4()
    first = await orders.refund(2000, refund_id)
    again = await orders.refund(2000, refund_id)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert await orders.bookings() == ["held", "captured", "refunded"]


async def test_another_body_under_the_same_order_is_refused(orders: Orders) -> None:
    await orders.authorise()
    for other in (orders.authorise(amount=2001), orders.authorise("tok_decline"), orders.authorise("pp_approve")):
        refused = await other
        assert (refused.status_code, refused.json()["code"]) == (409, "payment-differs")
    await orders.capture()
    refund_id = uuid4()
    await orders.refund(1, refund_id)
    refused = await orders.refund(2, refund_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-differs")


async def test_captured_payment_cannot_be_voided(orders: Orders) -> None:
    await orders.authorise()
    await orders.capture()
    refused = await orders.void()
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-captured")


async def test_refunds_together_are_at_most_what_was_captured(orders: Orders) -> None:
    await orders.authorise()
    refused = await orders.refund(1)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-not-captured")
    await orders.capture()
    assert (await orders.refund(1500)).status_code == 201
    refused = await orders.refund(501)
    assert (refused.status_code, refused.json()["code"]) == (409, "refund-too-large")
    assert refused.json()["left"] == {"amount": 500, "currency": "EUR"}
    assert (await orders.refund(1, currency="USD")).json()["code"] == "refund-currency-differs"
    assert (await orders.refund(500)).status_code == 201


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("4111111111111111", "card-number-refused"),
        ("tok_4111-1111-1111-1111", "card-number-refused"),
        ("tok_x378282246310005x", "card-number-refused"),
        ("pp_approve", "method-refused"),
        ("tok approve", "invalid"),
    ],
)
async def test_what_is_no_token_of_the_method_is_refused(orders: Orders, token: str, code: str) -> None:
    body = {"amount": {"amount": 1, "currency": "EUR"}, "method": {"kind": "card", "token": token}}
    refused = await orders.put("", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert token not in refused.text
    assert (await orders.authorise()).status_code == 201


@pytest.mark.parametrize("amount", [0, -1, 1.5, "1", 10**13])
async def test_amount_has_to_be_one(orders: Orders, amount: object) -> None:
    refused = await orders.authorise(amount=amount)  # type: ignore[arg-type]
    assert refused.status_code == 422


async def test_unknown_payment_is_not_found(orders: Orders) -> None:
    for answer in (await orders.capture(), await orders.refund(1)):
        assert (answer.status_code, answer.json()["code"]) == (404, "payment-not-found")


async def test_only_orders_takes_payments(client: AsyncClient, orders: Orders, tokens: TokenIssuer) -> None:
    body = {"amount": {"amount": 1, "currency": "EUR"}, "method": {"kind": "card", "token": "tok_approve"}}
    path = f"/v1/payments/{orders.order_id}"
    assert (await client.put(path, json=body)).status_code == 401
    for headers in (
        tokens.headers(uuid4(), "payments:read"),
        tokens.headers("catalog", "catalog:price", audience="payments"),
    ):
        assert (await client.put(path, json=body, headers=headers)).status_code == 403
    assert (await client.put(path, json=body, headers=orders.headers)).status_code == 201


async def test_only_staff_and_orders_read(
    client: AsyncClient, orders: Orders, tokens: TokenIssuer, as_staff: dict[str, str]
) -> None:
    await orders.authorise()
    for path in (f"/v1/payments/{orders.order_id}", "/v1/payments", "/v1/ledger/balances", "/v1/ledger/entries"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=tokens.headers(uuid4(), "orders:own"))).status_code == 403
        assert (await client.get(path, headers=as_staff)).status_code == 200
        assert (await client.get(path, headers=orders.headers)).status_code == 200
