"""A provider that is slow, silent, answers twice, late, or after its webhook: the outcome is right each time."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.testing import eventually
from services.payments.tests.integration.conftest import Orders

pytestmark = pytest.mark.anyio

TROUBLED = ["hang", "answer_twice", "answer_late", "webhook_first", "away"]


async def each_at_once(
    orders: Orders, tokens: list[str], pay: Callable[[Orders, str], Coroutine[Any, Any, None]]
) -> None:
    """Pay for an order of its own with each token. They mostly wait, so they do it together."""
    async with asyncio.TaskGroup() as group:
        for token in tokens:
            group.create_task(pay(Orders(orders.client, orders.headers), token), name=token)


async def test_authorised_captured_and_refunded_once_by_a_provider_in_trouble(
    orders: Orders, provider: AsyncClient
) -> None:
    await each_at_once(
        orders, [f"{kind}_{each}" for kind in ("tok", "pp") for each in TROUBLED], partial(pay, provider)
    )


async def pay(provider: AsyncClient, orders: Orders, token: str) -> None:
    authorised = await orders.insist(lambda: orders.authorise(token))
    assert authorised.json()["state"] == "authorised", authorised.text
    captured = await orders.insist(orders.capture)
    assert captured.json()["state"] == "captured", captured.text
    refunded = await orders.insist(lambda: orders.refund(700, orders.order_id))
    assert (refunded.json()["state"], refunded.json()["refunded"]["amount"]) == ("refunded", 700)
    assert await orders.bookings() == ["held", "captured", "refunded"]
    for step, amount in (("authorise", 2000), ("capture", 2000), (f"refund-{orders.order_id}", 700)):
        there = await provider.get(f"/v1/operations/{orders.order_id}-{step}")
        assert (there.json()["state"], there.json()["amount"]["amount"]) == ("approved", amount), token


async def test_silence_is_pending_and_names_its_step(orders: Orders) -> None:
    await each_at_once(orders, ["tok_hang", "tok_answer_late", "tok_away"], wait)


async def wait(orders: Orders, token: str) -> None:
    pending = await orders.authorise(token)
    assert (pending.status_code, pending.headers["retry-after"]) == (202, "1")
    assert (pending.json()["state"], pending.json()["pending_step"]) == ("pending", "authorise")
    refused = await orders.capture()
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-pending")
    await orders.insist(lambda: orders.authorise(token))


async def test_authorisation_that_succeeds_after_its_void_was_asked_holds_nothing(
    orders: Orders, provider: AsyncClient
) -> None:
    await each_at_once(orders, [f"tok_{each}" for each in TROUBLED], partial(void, provider))


async def void(provider: AsyncClient, orders: Orders, token: str) -> None:
    asking = asyncio.create_task(orders.authorise(token))
    await eventually(orders.exists)
    voided = await orders.insist(orders.void)
    assert (voided.json()["state"], voided.json()["held"]["amount"]) == ("voided", 0)
    await asking
    await asyncio.sleep(1)
    assert await orders.state() == "voided"
    assert await orders.bookings() in (["held", "released"], [])
    there = await provider.get(f"/v1/operations/{orders.order_id}-void")
    assert there.json()["state"] == "approved"
    refused = await orders.authorise(token)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment-voided")


async def test_authorisation_that_arrives_at_the_provider_after_its_void_is_refused_there(
    orders: Orders, provider: AsyncClient
) -> None:
    """The request is on its way for so long that the void overtakes it: the provider never hears of it before."""
    await orders.insist(lambda: orders.authorise("tok_away"))
    late = f"{orders.order_id}-late"
    about = {"reference": f"{late}-void", "authorisation": late}
    assert (await provider.post("/v1/voids", json=about)).json()["state"] == "approved"
    body = {"reference": late, "amount": {"amount": 1, "currency": "EUR"}, "method": "card", "token": "tok_approve"}
    refused = (await provider.post("/v1/authorisations", json=body)).json()
    assert (refused["state"], refused["code"]) == ("refused", "cancelled")


@pytest.mark.parametrize("token", ["tok_capture_refused", "pp_capture_refused"])
async def test_refused_capture_is_an_outcome_and_final(orders: Orders, token: str) -> None:
    await orders.authorise(token)
    refused = await orders.capture()
    assert (refused.status_code, refused.json()["state"], refused.json()["held"]["amount"]) == (
        200,
        "capture-refused",
        0,
    )
    assert (await orders.capture()).json()["state"] == "capture-refused"
    voided = await orders.void()
    assert (voided.status_code, voided.json()["state"]) == (200, "voided")
    assert await orders.bookings() == ["held", "released"]


async def test_refused_refund_is_tried_again_when_it_is_asked_for_again(orders: Orders, provider: AsyncClient) -> None:
    await orders.authorise()
    await orders.insist(orders.capture)
    by_hand = {
        "reference": f"{orders.order_id}-by-hand",
        "authorisation": f"{orders.order_id}-authorise",
        "amount": {"amount": 1800, "currency": "EUR"},
    }
    assert (await provider.post("/v1/refunds", json=by_hand)).json()["state"] == "approved"
    refund_id = uuid7()
    for times in (1, 2):
        refused = await orders.refund(500, refund_id)
        assert (refused.status_code, refused.json()["state"], refused.json()["code"]) == (
            200, "refused", "refund-too-large",
        )  # fmt: skip
        reference = f"{orders.order_id}-refund-{refund_id}{'' if times == 1 else '-2'}"
        assert (await provider.get(f"/v1/operations/{reference}")).json()["state"] == "refused"
    assert (await orders.insist(partial(orders.refund, 200))).json()["state"] == "refunded"
    assert await orders.bookings() == ["held", "captured", "refunded"]


async def test_payment_stays_with_the_provider_it_was_begun_with(
    service: Service, orders: Orders, provider: AsyncClient
) -> None:
    await orders.authorise()
    database: Database = service.app.state.database
    change = text("UPDATE payments SET provider = :name WHERE order_id = :order_id")
    async with database.read() as connection:
        await connection.execute(change, {"name": "former", "order_id": orders.order_id})
    for _ in range(2):
        assert (await orders.capture()).status_code == 202
    assert (await provider.get(f"/v1/operations/{orders.order_id}-capture")).status_code == 404
    async with database.read() as connection:
        await connection.execute(change, {"name": "sandbox", "order_id": orders.order_id})
    assert (await orders.insist(orders.capture)).json()["state"] == "captured"


async def test_refused_void_holds_the_money_still(orders: Orders, provider: AsyncClient) -> None:
    """Somebody has taken it at the provider, past us: it cannot be let go, and nobody may believe that it was."""
    await orders.authorise()
    taken = {
        "reference": f"{orders.order_id}-by-hand",
        "authorisation": f"{orders.order_id}-authorise",
        "amount": {"amount": 2000, "currency": "EUR"},
    }
    assert (await provider.post("/v1/captures", json=taken)).json()["state"] == "approved"

    async def refused() -> bool:
        answer = await orders.void()
        assert (answer.status_code, answer.json()["pending_step"]) == (202, "void")
        assert answer.json()["held"]["amount"] == 2000
        return bool(answer.json()["decline_code"] == "already-captured")

    for _ in range(2):
        await eventually(refused)
    there = await provider.get(f"/v1/operations/{orders.order_id}-void")
    assert (there.json()["state"], there.json()["code"]) == ("refused", "already-captured")
    assert await orders.bookings() == ["held"]
    late = await orders.authorise()
    assert (late.status_code, late.json()["code"]) == (409, "payment-voided")


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_decline", "declined"),
        ("tok_insufficient_funds", "insufficient-funds"),
        ("tok_never_heard_of", "unknown-token"),
        ("pp_decline", "declined"),
    ],
)
async def test_decline_says_why(orders: Orders, token: str, code: str) -> None:
    declined = await orders.insist(lambda: orders.authorise(token))
    assert (declined.status_code, declined.json()["state"], declined.json()["decline_code"]) == (200, "declined", code)


async def test_paypal_does_not_know_every_currency(orders: Orders, another: Orders) -> None:
    rupees = {"amount": 2000, "currency": "INR"}
    body = {"amount": rupees, "method": {"kind": "paypal", "token": "pp_approve"}}
    refused = await orders.put("", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "method-refused")
    body = {"amount": rupees, "method": {"kind": "card", "token": "tok_approve"}}
    assert (await another.put("", json=body)).status_code == 201


async def test_many_who_ask_at_once_have_it_done_once(orders: Orders, provider: AsyncClient) -> None:
    answers = await asyncio.gather(*(orders.authorise() for _ in range(10)))
    assert {each.status_code for each in answers} <= {200, 201, 202}
    await orders.insist(orders.authorise)
    await asyncio.gather(*(orders.capture() for _ in range(10)))
    assert (await orders.insist(orders.capture)).json()["state"] == "captured"
    refunds = [uuid7() for _ in range(6)]
    answers = await asyncio.gather(*(orders.refund(600, refund) for refund in refunds))
    assert sorted(each.status_code for each in answers if each.status_code >= 400) == [409, 409, 409]
    for refund, answer in zip(refunds, answers, strict=True):
        if answer.status_code == 202:  # It waits for the provider.
            await orders.insist(partial(orders.refund, 600, refund))
    assert await orders.bookings() == ["held", "captured", "refunded", "refunded", "refunded"]
