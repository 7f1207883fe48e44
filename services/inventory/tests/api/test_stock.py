"""Stock, its ledger and its warehouses, as staff and everybody else meet them."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient, Response

from chassis.ids import uuid7

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
