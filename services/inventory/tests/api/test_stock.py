"""Stock, its ledger and its warehouses, as staff and everybody else meet them."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.tables import outbox

pytestmark = pytest.mark.anyio

Stocked = Callable[..., Awaitable[str]]
LEDGER = "/v1/stock-adjustments"


def new_sku() -> str:
    return f"SKU-{uuid7().hex.upper()}"


def refused(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def adjustment(sku: str, quantity: int, **changes: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "reason": "received", **changes}


def with_key(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "idempotency-key": uuid7().hex}


async def test_adjustment_is_found_at_its_location(client: AsyncClient, as_staff: dict[str, str], staff: UUID) -> None:
    sku = new_sku()
    answer = await client.post(LEDGER, json=adjustment(sku, 5, note="Pallet 7"), headers=with_key(as_staff))
    assert answer.status_code == 201
    found = await client.get(answer.headers["location"], headers=as_staff)
    assert found.json() == answer.json()
    assert {name: found.json()[name] for name in ("sku", "warehouse", "quantity", "reason", "note", "actor")} == {
        "sku": sku,
        "warehouse": "main",
        "quantity": 5,
        "reason": "received",
        "note": "Pallet 7",
        "actor": str(staff),
    }


async def test_adjustment_needs_a_key_and_happens_once_for_it(client: AsyncClient, as_staff: dict[str, str]) -> None:
    sku = new_sku()
    assert refused(await client.post(LEDGER, json=adjustment(sku, 5), headers=as_staff)) == (
        400,
        "idempotency-key-required",
    )
    headers = with_key(as_staff)
    first = await client.post(LEDGER, json=adjustment(sku, 5), headers=headers)
    second = await client.post(LEDGER, json=adjustment(sku, 5), headers=headers)
    assert (second.status_code, second.json(), second.headers["idempotency-replayed"]) == (201, first.json(), "true")
    [row] = (await client.get("/v1/stock", params={"sku": sku}, headers=as_staff)).json()["items"]
    assert (row["on_hand"], row["reserved"]) == (5, 0)


async def test_stock_is_the_ledgers_sum(client: AsyncClient, as_staff: dict[str, str], stocked: Stocked) -> None:
    sku = await stocked(5)
    for quantity, reason in ((-2, "damaged"), (4, "found"), (-1, "counted"), (-6, "lost")):
        body = adjustment(sku, quantity, reason=reason)
        assert (await client.post(LEDGER, json=body, headers=with_key(as_staff))).status_code == 201
    ledger = (await client.get(LEDGER, params={"sku": sku}, headers=as_staff)).json()["items"]
    assert [each["quantity"] for each in ledger] == [-6, -1, 4, -2, 5]
    [row] = (await client.get("/v1/stock", params={"sku": sku}, headers=as_staff)).json()["items"]
    assert row["on_hand"] == 0


async def test_what_is_promised_cannot_be_adjusted_away(
    client: AsyncClient, as_staff: dict[str, str], as_orders: dict[str, str], stocked: Stocked
) -> None:
    sku = await stocked(5)
    lines = {"lines": [{"sku": sku, "quantity": 3}]}
    await client.put(f"/v1/reservations/{uuid7()}", json=lines, headers=as_orders)
    headers = with_key(as_staff)
    refusal = await client.post(LEDGER, json=adjustment(sku, -3, reason="lost"), headers=headers)
    assert refused(refusal) == (409, "stock-short")
    assert len((await client.get(LEDGER, params={"sku": sku}, headers=as_staff)).json()["items"]) == 1
    allowed = await client.post(LEDGER, json=adjustment(sku, -2, reason="lost"), headers=with_key(as_staff))
    assert allowed.status_code == 201


async def test_stock_lies_in_a_warehouse_that_is_there(client: AsyncClient, as_staff: dict[str, str]) -> None:
    body = adjustment(new_sku(), 5, warehouse=f"w-{uuid4().hex[:8]}")
    assert refused(await client.post(LEDGER, json=body, headers=with_key(as_staff))) == (404, "warehouse-not-found")
    await client.put(f"/v1/warehouses/{body['warehouse']}", json={"name": "New"}, headers=as_staff)
    assert (await client.post(LEDGER, json=body, headers=with_key(as_staff))).status_code == 201


async def test_unknown_adjustment_is_not_found(client: AsyncClient, as_staff: dict[str, str]) -> None:
    assert refused(await client.get(f"{LEDGER}/{uuid4()}", headers=as_staff)) == (404, "adjustment-not-found")


async def test_ledger_is_filtered_and_read_page_by_page(
    client: AsyncClient, as_staff: dict[str, str], stocked: Stocked
) -> None:
    sku = await stocked(1)
    for quantity in (2, 3, 4):
        await stocked(quantity, sku=sku)
    await stocked(5, sku=sku, reason="found")
    url: str | None = f"{LEDGER}?sku={sku}&reason=received&limit=2"
    pages = []
    while url:
        answer = await client.get(url, headers=as_staff)
        pages.append([each["quantity"] for each in answer.json()["items"]])
        url = answer.links["next"]["url"] if answer.json()["next_cursor"] else None
    assert pages == [[4, 3], [2, 1]]


async def test_stock_is_read_page_by_page(client: AsyncClient, as_staff: dict[str, str], stocked: Stocked) -> None:
    warehouse = f"w-{uuid4().hex[:8]}"
    await client.put(f"/v1/warehouses/{warehouse}", json={"name": "New"}, headers=as_staff)
    skus = sorted([await stocked(1, warehouse=warehouse) for _ in range(3)])
    first = await client.get(f"/v1/stock?warehouse={warehouse}&limit=2", headers=as_staff)
    assert [row["sku"] for row in first.json()["items"]] == skus[:2]
    last = await client.get(first.links["next"]["url"], headers=as_staff)
    assert ([row["sku"] for row in last.json()["items"]], last.json()["next_cursor"]) == (skus[2:], None)


async def test_everybody_sees_what_can_be_ordered_exactly_up_to_ten(
    client: AsyncClient, as_orders: dict[str, str], stocked: Stocked
) -> None:
    few, ten, many = await stocked(3), await stocked(10), await stocked(11)
    lines = {"lines": [{"sku": few, "quantity": 1}]}
    await client.put(f"/v1/reservations/{uuid7()}", json=lines, headers=as_orders)
    answer = await client.get("/v1/availability", params=[("sku", each) for each in (many, few, "NEVER-SEEN", ten)])
    assert answer.json()["items"] == [
        {"sku": many, "available": 10, "more": True},
        {"sku": few, "available": 2, "more": False},
        {"sku": "NEVER-SEEN", "available": 0, "more": False},
        {"sku": ten, "available": 10, "more": False},
    ]


async def test_availability_is_asked_of_a_hundred_at_most(client: AsyncClient) -> None:
    for count, status in ((0, 422), (1, 200), (100, 200), (101, 422)):
        query = {"sku": [f"A{number}" for number in range(count)]}
        assert (await client.get("/v1/availability", params=query)).status_code == status


async def test_warehouse_is_made_and_changed(client: AsyncClient, as_staff: dict[str, str]) -> None:
    code = f"w-{uuid4().hex[:8]}"
    url = f"/v1/warehouses/{code}"
    assert refused(await client.get(url, headers=as_staff)) == (404, "warehouse-not-found")
    made = await client.put(url, json={"name": "East"}, headers=as_staff)
    assert (made.status_code, made.json()) == (201, {"code": code, "name": "East", "priority": 100})
    changed = await client.put(url, json={"name": "East", "priority": 5}, headers=as_staff)
    assert (changed.status_code, changed.json()["priority"]) == (200, 5)
    assert (await client.get(url, headers=as_staff)).json() == changed.json()
    first = await client.get("/v1/warehouses", params={"limit": 100}, headers=as_staff)
    assert {"main", code} <= {each["code"] for each in first.json()["items"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/stock", None),
        ("GET", LEDGER, None),
        ("POST", LEDGER, adjustment("A", 1)),
        ("POST", "/v1/stock-intakes", {"lines": [{"sku": "A", "quantity": 1}]}),
        ("PUT", "/v1/stock/main/A/low-mark", {"low_at": 1}),
        ("GET", "/v1/warehouses", None),
        ("PUT", "/v1/warehouses/main", {"name": "Main warehouse"}),
    ],
)
async def test_stock_is_for_staff(
    client: AsyncClient,
    as_staff: dict[str, str],
    as_orders: dict[str, str],
    as_customer: dict[str, str],
    method: str,
    path: str,
    body: Any,
) -> None:
    async def ask(headers: dict[str, str]) -> Response:
        key = {"idempotency-key": uuid7().hex} if method == "POST" else {}
        return await client.request(method, path, json=body, headers=headers | key)

    for headers in (as_orders, as_customer):
        assert refused(await ask(headers)) == (403, "insufficient-scope")
    assert (await ask({})).status_code == 401
    assert (await ask(as_staff)).is_success


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 0},
        {"quantity": "5"},
        {"quantity": 1_000_001},
        {"sku": "a b"},
        {"warehouse": "Main"},
        {"reason": "sold"},
        {"note": "a\nb"},
        {"planet": "Earth"},
    ],
)
async def test_what_is_not_acceptable_is_named(
    client: AsyncClient, as_staff: dict[str, str], change: dict[str, Any]
) -> None:
    answer = await client.post(LEDGER, json=adjustment("A", 1) | change, headers=with_key(as_staff))
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/body/{name}" for name in change]


async def told_low(service: Service, sku: str) -> list[tuple[int, Any]]:
    database: Database = service.app.state.database
    async with database.read() as connection:
        rows = await connection.execute(
            select(outbox).where(outbox.c.subject == f"main/{sku}").order_by(outbox.c.position)
        )
        return [(row.data["available"], row.data["low_at"]) for row in rows]


async def test_stock_that_comes_down_to_its_mark_is_told_once_each_time(
    service: Service, client: AsyncClient, as_staff: dict[str, str], as_orders: dict[str, str], stocked: Stocked
) -> None:
    sku = await stocked(6)
    marked = await client.put(f"/v1/stock/main/{sku}/low-mark", json={"low_at": 3}, headers=as_staff)
    assert (marked.status_code, marked.json()["low_at"]) == (200, 3)

    async def sell(quantity: int) -> str:
        order = str(uuid7())
        body = {"lines": [{"sku": sku, "quantity": quantity}]}
        answer = await client.put(f"/v1/reservations/{order}", json=body, headers=as_orders)
        assert answer.status_code == 201
        return order

    await sell(2)
    assert await told_low(service, sku) == []
    last = await sell(1)
    await sell(1)
    assert await told_low(service, sku) == [(3, 3)]
    await client.put(f"/v1/reservations/{last}/commitment", headers=as_orders)
    assert await told_low(service, sku) == [(3, 3)]
    await stocked(2, sku=sku)
    await sell(4)
    assert await told_low(service, sku) == [(3, 3), (0, 3)]
    low = await client.get("/v1/stock", params={"sku": sku, "low": True}, headers=as_staff)
    assert [row["sku"] for row in low.json()["items"]] == [sku]
    await client.put(f"/v1/stock/main/{sku}/low-mark", json={"low_at": None}, headers=as_staff)
    low = await client.get("/v1/stock", params={"sku": sku, "low": True}, headers=as_staff)
    assert low.json()["items"] == []


async def test_stock_that_never_was_has_no_mark(client: AsyncClient, as_staff: dict[str, str]) -> None:
    answer = await client.put(f"/v1/stock/main/{new_sku()}/low-mark", json={"low_at": 3}, headers=as_staff)
    assert refused(answer) == (404, "stock-not-found")


async def test_delivery_is_received_as_a_whole_and_once(
    client: AsyncClient, as_staff: dict[str, str], staff: UUID
) -> None:
    skus = sorted(new_sku() for _ in range(1000))
    lines = [{"sku": sku, "quantity": number + 1} for number, sku in enumerate(skus)]
    headers = with_key(as_staff)
    body = {"reference": "Delivery note 7", "lines": lines}
    first = await client.post("/v1/stock-intakes", json=body, headers=headers)
    assert first.status_code == 201
    expected = {"warehouse": "main", "reference": "Delivery note 7", "lines": 1000, "pieces": 500_500}
    assert first.json().items() >= (expected | {"actor": str(staff)}).items()
    again = await client.post("/v1/stock-intakes", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await client.get(first.headers["location"], headers=as_staff)).json() == first.json()
    query: dict[str, Any] = {"intake_id": first.json()["id"], "limit": 100}
    entries = (await client.get(LEDGER, params=query, headers=as_staff)).json()["items"]
    assert [each["sku"] for each in entries] == skus[:-101:-1]
    [row] = (await client.get("/v1/stock", params={"sku": skus[6]}, headers=as_staff)).json()["items"]
    assert (row["on_hand"], row["reserved"]) == (7, 0)


async def test_delivery_to_nowhere_is_refused(client: AsyncClient, as_staff: dict[str, str]) -> None:
    body = {"warehouse": f"w-{uuid4().hex[:8]}", "lines": [{"sku": new_sku(), "quantity": 1}]}
    answer = await client.post("/v1/stock-intakes", json=body, headers=with_key(as_staff))
    assert refused(answer) == (404, "warehouse-not-found")
    assert refused(await client.get(f"/v1/stock-intakes/{uuid4()}", headers=as_staff)) == (404, "intake-not-found")
