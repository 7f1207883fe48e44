"""Sagas, as staff meets them, and an order as it is followed."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from prometheus_client import REGISTRY
from sqlalchemy import text

from chassis.app import Service
from chassis.database import Database
from orders.workers.metrics import SagaMetrics
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


async def saga_of(client: AsyncClient, order_id: str, headers: dict[str, str]) -> dict[str, Any]:
    listed = await client.get(f"/v1/sagas?order_id={order_id}", headers=headers)
    [saga] = listed.json()["items"]
    assert (await client.get(f"/v1/sagas/{saga['id']}", headers=headers)).json() == saga
    found: dict[str, Any] = saga
    return found


async def post(client: AsyncClient, path: str, headers: dict[str, str], body: object = None) -> Response:
    return await client.post(path, json=body, headers={**headers, "idempotency-key": uuid4().hex})


async def test_waiting_saga_says_why_and_can_be_hurried(
    client: AsyncClient, worker: SagaWorker, shop: Shop, as_staff: dict[str, str], placed: Placed, peers: Peers
) -> None:
    order_id = await placed()
    peers.down.add("payments")
    await worker.work_once()
    saga = await saga_of(client, order_id, as_staff)
    assert (saga["step"], saga["attempts"], saga["error"]) == (
        "authorise", 1, "unavailable: payments cannot answer now.",
    )  # fmt: skip
    peers.down.clear()
    answer = await post(client, f"/v1/sagas/{saga['id']}/retry", as_staff)
    assert answer.status_code == 202
    assert answer.json()["next_attempt_at"] <= saga["next_attempt_at"]
    await worker.work_once()
    assert (await shop.read(order_id))["status"] == "confirmed"
    refused = await post(client, f"/v1/sagas/{saga['id']}/retry", as_staff)
    assert (refused.status_code, refused.json()["code"]) == (409, "saga-finished")


async def test_checkout_is_given_up_before_its_capture(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str],
    placed: Placed, peers: Peers,
) -> None:  # fmt: skip
    order_id = await placed()
    peers.fault("pin", "away")
    await worker.work_once()
    saga = await saga_of(client, order_id, as_staff)
    path = f"/v1/sagas/{saga['id']}/abandonment"
    answer = await post(client, path, as_staff, {"reason": "The warehouse burns."})
    assert (answer.status_code, answer.json()["step"], answer.json()["verdict"]) == (202, "void", "rejected")
    refused = await post(client, path, as_staff, {"reason": "Again."})
    assert (refused.status_code, refused.json()["code"]) == (409, "saga-not-abandonable")
    await work(service, worker)
    order = await shop.read(order_id)
    assert (order["status"], order["code"], order["reason"]) == ("rejected", "abandoned", "The warehouse burns.")
    assert (peers.money(order_id), peers.goods(order_id)) == ("none", "none")
    history = (await client.get(f"/v1/orders/{order_id}/history", headers=as_staff)).json()
    [remark] = [each for each in history if each["by"].startswith("staff:")]
    assert remark["reason"] == "The checkout was given up: The warehouse burns."
    assert "staff:" not in json.dumps(order)


@pytest.mark.parametrize("step", ["capture", "commit"])
async def test_checkout_is_not_given_up_once_its_capture_may_have_begun(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_staff: dict[str, str],
    placed: Placed, peers: Peers, step: str,
) -> None:  # fmt: skip
    order_id = await placed()
    peers.fault(step, "lost")
    await worker.work_once()
    saga = await saga_of(client, order_id, as_staff)
    refused = await post(client, f"/v1/sagas/{saga['id']}/abandonment", as_staff, {"reason": "Enough."})
    assert (refused.status_code, refused.json()["code"], refused.json()["step"]) == (409, "saga-not-abandonable", step)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "confirmed"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/sagas", 200),
        ("GET", "/v1/sagas/{saga}", 200),
        ("POST", "/v1/sagas/{saga}/retry", 202),
        ("POST", "/v1/sagas/{saga}/abandonment", 202),
        ("GET", "/v1/orders/{order}/history", 200),
    ],
)
async def test_sagas_are_staffs(
    client: AsyncClient, shop: Shop, as_staff: dict[str, str], placed: Placed, method: str, path: str, status: int
) -> None:
    order_id = await placed()
    url = path.format(order=order_id, saga=(await saga_of(client, order_id, as_staff))["id"])
    for headers, expected in ((shop.headers, 403), ({}, 401), (as_staff, status)):
        key = {"idempotency-key": uuid4().hex} if method == "POST" else {}
        body = {"reason": "Because."} if path.endswith("abandonment") else None
        answer = await client.request(method, url, json=body, headers={**headers, **key})
        assert answer.status_code == expected


async def test_sagas_are_listed_by_state_and_counted(
    client: AsyncClient, service: Service, worker: SagaWorker, as_staff: dict[str, str], placed: Placed
) -> None:
    await placed()
    await work(service, worker)
    running = [await placed() for _ in range(2)]
    database: Database = service.app.state.database
    async with database.read() as connection:
        old = "UPDATE sagas SET created_at = now() - interval '1 hour' WHERE order_id = :id"
        await connection.execute(text(old), {"id": running[0]})
    for query, count in (("", 3), ("?state=running", 2), ("?state=stuck", 1), ("?state=finished", 1), ("?limit=1", 1)):
        assert len((await client.get(f"/v1/sagas{query}", headers=as_staff)).json()["items"]) == count, query
    await SagaMetrics(service.app.state.sagas).read()
    assert REGISTRY.get_sample_value("tradewind_orders_sagas_running") == 2
    assert REGISTRY.get_sample_value("tradewind_orders_sagas_stuck") == 1
    assert 3600 <= (REGISTRY.get_sample_value("tradewind_orders_saga_oldest_age_seconds") or 0) < 3700


def told(stream: str) -> list[tuple[str, str]]:
    """Return the ids and states of a stream of events."""
    events = [dict(line.split(": ", 1) for line in part.splitlines()) for part in stream.strip().split("\n\n")]
    assert {each["event"] for each in events} == {"status"}
    return [(each["id"], json.loads(each["data"])["status"]) for each in events]


async def test_order_is_followed_to_its_end(
    client: AsyncClient, service: Service, worker: SagaWorker, shop: Shop, as_bob: dict[str, str], placed: Placed
) -> None:
    order_id = await placed("tok_decline")
    await work(service, worker)
    path = f"/v1/orders/{order_id}/events"
    answer = await client.get(path, headers=shop.headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert told(answer.text) == [("1", "placed"), ("2", "reserved"), ("3", "rejected")]
    rest = await client.get(path, headers={**shop.headers, "last-event-id": "2"})
    assert told(rest.text) == [("3", "rejected")]
    assert (await client.get(path, headers=as_bob)).status_code == 404
