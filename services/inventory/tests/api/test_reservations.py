"""Reservations, as the orders service meets them."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import select

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from chassis.tables import outbox
from chassis.testing import FakeClock

pytestmark = pytest.mark.anyio

Stocked = Callable[..., Awaitable[str]]
Reserve = Callable[..., Awaitable[Response]]
Step = Callable[..., Awaitable[Response]]


def wanting(**quantities: int) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]}


@pytest.fixture
def step(client: AsyncClient, as_orders: dict[str, str], order: str) -> Step:
    """Take a step of the order's reservation: ``await step("/pin")``."""

    async def take(path: str = "", body: Any = None, **change: str) -> Response:
        url = f"/v1/reservations/{change.get('order', order)}{path}"
        return await client.put(url, json=body, headers=as_orders)

    return take


@pytest.fixture
def levels(client: AsyncClient, as_staff: dict[str, str]) -> Callable[[str], Awaitable[tuple[int, int]]]:
    """Return what is on hand and what is reserved of a SKU in all warehouses."""

    async def read(sku: str) -> tuple[int, int]:
        rows = (await client.get("/v1/stock", params={"sku": sku}, headers=as_staff)).json()["items"]
        return sum(row["on_hand"] for row in rows), sum(row["reserved"] for row in rows)

    return read


Levels = Callable[[str], Awaitable[tuple[int, int]]]


def refused(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def told_about(service: Service, order: str) -> list[tuple[str, int, Any]]:
    database: Database = service.app.state.database
    async with database.read() as connection:
        found = await connection.execute(select(outbox).where(outbox.c.subject == order).order_by(outbox.c.position))
        return [(row.type.split(".")[2], row.sequence, row.data) for row in found]


async def test_reservation_holds_every_line(
    service: Service, clock: FakeClock, stocked: Stocked, step: Step, levels: Levels, order: str
) -> None:
    one, other = sorted([await stocked(5), await stocked(7)])
    answer = await step(body=wanting(**{other: 3, one: 2}))
    assert answer.status_code == 201
    expires_at = (clock.now() + timedelta(minutes=15)).isoformat().replace("+00:00", "Z")
    now = clock.now().isoformat().replace("+00:00", "Z")
    assert answer.json() == {
        "order_id": order,
        "state": "held",
        "lines": [
            {"sku": one, "warehouse": "main", "quantity": 2, "returned": 0},
            {"sku": other, "warehouse": "main", "quantity": 3, "returned": 0},
        ],
        "expires_at": expires_at,
        "changed_at": now,
    }
    assert (await levels(one))[1] == 2
    assert (await levels(other))[1] == 3
    [(name, sequence, data)] = await told_about(service, order)
    assert (name, sequence) == ("stock-reserved", 1)
    assert data == {
        "order_id": order,
        "lines": [
            {"sku": one, "warehouse": "main", "quantity": 2},
            {"sku": other, "warehouse": "main", "quantity": 3},
        ],
        "expires_at": expires_at,
        "reserved_at": now,
    }


async def test_repeated_reservation_holds_once(
    service: Service, stocked: Stocked, step: Step, levels: Levels, order: str
) -> None:
    sku = await stocked(5)
    first = await step(body=wanting(**{sku: 2}))
    second = await step(body=wanting(**{sku: 2}))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert await levels(sku) == (5, 2)
    assert len(await told_about(service, order)) == 1


@pytest.mark.parametrize("change", ["quantity", "sku", "more"])
async def test_other_lines_under_the_same_order_are_refused(
    stocked: Stocked, step: Step, levels: Levels, change: str
) -> None:
    sku, other = await stocked(5), await stocked(5)
    await step(body=wanting(**{sku: 2}))
    wanted = {"quantity": {sku: 3}, "sku": {other: 2}, "more": {sku: 2, other: 1}}[change]
    assert refused(await step(body=wanting(**wanted))) == (409, "reservation-differs")
    assert (await levels(sku), await levels(other)) == ((5, 2), (5, 0))


async def test_what_is_short_is_named_and_nothing_is_held(
    service: Service, stocked: Stocked, step: Step, levels: Levels, order: str
) -> None:
    plenty, short = await stocked(5), await stocked(1)
    answer = await step(body=wanting(**{plenty: 5, short: 2, "NEVER-SEEN": 1}))
    assert refused(answer) == (409, "insufficient-stock")
    expected = [
        {"sku": short, "wanted": 2, "available": 1},
        {"sku": "NEVER-SEEN", "wanted": 1, "available": 0},
    ]
    assert answer.json()["shortages"] == sorted(expected, key=lambda each: str(each["sku"]))
    assert (await levels(plenty), await levels(short)) == ((5, 0), (1, 0))
    assert await told_about(service, order) == []


async def test_refused_order_may_ask_again(stocked: Stocked, step: Step) -> None:
    sku = await stocked(1)
    assert (await step(body=wanting(**{sku: 2}))).status_code == 409
    await stocked(1, sku=sku)
    assert (await step(body=wanting(**{sku: 2}))).status_code == 201


async def test_pinned_reservation_never_expires(stocked: Stocked, step: Step, clock: FakeClock) -> None:
    sku = await stocked(1)
    await step(body=wanting(**{sku: 1}))
    pinned = await step("/pin")
    assert (pinned.status_code, pinned.json()["state"], pinned.json()["expires_at"]) == (200, "pinned", None)
    clock.advance(days=365)
    assert (await step("/pin")).json() == pinned.json()
    assert (await step("/commitment")).json()["state"] == "committed"


async def test_reservation_expires_by_the_clock_alone(
    client: AsyncClient, as_orders: dict[str, str], stocked: Stocked, step: Step, clock: FakeClock, order: str
) -> None:
    sku = await stocked(1)
    await step(body={**wanting(**{sku: 1}), "expires_in_seconds": 60})
    clock.advance(seconds=59)
    assert (await client.get(f"/v1/reservations/{order}", headers=as_orders)).json()["state"] == "held"
    clock.advance(seconds=1)
    assert (await client.get(f"/v1/reservations/{order}", headers=as_orders)).json()["state"] == "expired"
    for path in ("/pin", "/commitment"):
        assert refused(await step(path)) == (409, "reservation-released")
    assert refused(await step(body=wanting(**{sku: 1}))) == (409, "reservation-released")


async def test_committed_stock_has_left(
    service: Service,
    client: AsyncClient,
    as_staff: dict[str, str],
    stocked: Stocked,
    step: Step,
    levels: Levels,
    order: str,
) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    await step("/pin")
    first = await step("/commitment")
    assert (first.status_code, first.json()["state"]) == (200, "committed")
    assert (await step("/commitment")).json() == first.json()
    assert await levels(sku) == (3, 0)
    ledger = await client.get("/v1/stock-adjustments", params={"order_id": order}, headers=as_staff)
    assert [(each["sku"], each["quantity"], each["reason"]) for each in ledger.json()["items"]] == [(sku, -2, "sold")]
    told = await told_about(service, order)
    assert [(name, sequence) for name, sequence, _ in told] == [("stock-reserved", 1), ("stock-committed", 3)]


async def test_held_reservation_may_be_committed(stocked: Stocked, step: Step, levels: Levels) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    assert (await step("/commitment")).json()["state"] == "committed"
    assert await levels(sku) == (3, 0)


@pytest.mark.parametrize("before", ["", "/pin"])
async def test_released_stock_is_free_again(
    service: Service, stocked: Stocked, step: Step, levels: Levels, order: str, before: str
) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    if before:
        await step(before)
    first = await step("/release")
    assert (first.status_code, first.json()["state"]) == (200, "released")
    assert (await step("/release")).json() == first.json()
    assert await levels(sku) == (5, 0)
    assert (await told_about(service, order))[-1][0] == "stock-released"
    for path in ("/pin", "/commitment"):
        assert refused(await step(path)) == (409, "reservation-released")


async def test_release_of_an_unknown_order_refuses_the_late_original(
    service: Service, stocked: Stocked, step: Step, levels: Levels, order: str
) -> None:
    sku = await stocked(5)
    tombstone = await step("/release")
    assert (tombstone.status_code, tombstone.json()["state"], tombstone.json()["lines"]) == (200, "released", [])
    assert refused(await step(body=wanting(**{sku: 2}))) == (409, "reservation-released")
    assert (await levels(sku), await told_about(service, order)) == ((5, 0), [])
    assert (await step("/release")).json() == tombstone.json()


async def test_expired_reservation_may_be_released(
    stocked: Stocked, step: Step, levels: Levels, clock: FakeClock
) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    clock.advance(hours=1)
    assert (await step("/release")).json()["state"] == "released"
    assert await levels(sku) == (5, 0)


async def test_committed_stock_cannot_be_released(stocked: Stocked, step: Step, levels: Levels) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    await step("/commitment")
    assert refused(await step("/release")) == (409, "reservation-committed")
    assert await levels(sku) == (3, 0)


async def test_steps_repeated_late_change_nothing(stocked: Stocked, step: Step, levels: Levels) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 2}))
    await step("/pin")
    committed = (await step("/commitment")).json()
    for path, body in (("", wanting(**{sku: 2})), ("/pin", None), ("/commitment", None)):
        again = await step(path, body)
        assert (again.status_code, again.json()) == (200, committed)
    assert await levels(sku) == (3, 0)


async def test_returned_stock_comes_back_once(
    service: Service, stocked: Stocked, step: Step, levels: Levels, order: str
) -> None:
    sku = await stocked(5)
    await step(body=wanting(**{sku: 3}))
    await step("/commitment")
    path = f"/returns/{uuid4()}"
    first = await step(path, wanting(**{sku: 2}))
    assert (first.status_code, first.json()["state"], first.json()["lines"][0]["returned"]) == (201, "committed", 2)
    again = await step(path, wanting(**{sku: 2}))
    assert (again.status_code, again.json()) == (200, first.json())
    assert refused(await step(path, wanting(**{sku: 1}))) == (409, "return-differs")
    assert await levels(sku) == (4, 0)
    told = await told_about(service, order)
    assert [(name, sequence) for name, sequence, _ in told][-1] == ("stock-returned", 3)


async def test_no_more_returns_than_was_taken(stocked: Stocked, step: Step, levels: Levels) -> None:
    sku, other = await stocked(5), await stocked(5)
    await step(body=wanting(**{sku: 3}))
    assert refused(await step(f"/returns/{uuid4()}", wanting(**{sku: 1}))) == (409, "reservation-not-committed")
    await step("/commitment")
    await step(f"/returns/{uuid4()}", wanting(**{sku: 2}))
    for wanted in ({sku: 2}, {other: 1}, {sku: 1, other: 1}):
        assert refused(await step(f"/returns/{uuid4()}", wanting(**wanted))) == (409, "return-too-large")
    assert (await step(f"/returns/{uuid4()}", wanting(**{sku: 1}))).status_code == 201
    assert (await levels(sku), await levels(other)) == ((5, 0), (5, 0))


async def test_order_comes_from_one_warehouse_where_that_is_possible(
    client: AsyncClient, as_staff: dict[str, str], stocked: Stocked, step: Step
) -> None:
    near, far = f"near-{uuid4().hex[:8]}", f"far-{uuid4().hex[:8]}"
    for code, priority in ((near, 1), (far, 2)):
        body = {"name": code, "priority": priority}
        assert (await client.put(f"/v1/warehouses/{code}", json=body, headers=as_staff)).status_code == 201
    one, other = await stocked(5, warehouse=near), await stocked(5, warehouse=far)
    await stocked(5, sku=one, warehouse=far)
    answer = await step(body=wanting(**{one: 1, other: 1}))
    assert {line["warehouse"] for line in answer.json()["lines"]} == {far}
    split = await step(body=wanting(**{one: 8}), order=str(uuid7()))
    assert {line["warehouse"]: line["quantity"] for line in split.json()["lines"]} == {near: 5, far: 3}


@pytest.mark.parametrize("path", ["/pin", "/commitment", "/returns/{id}"])
async def test_order_that_never_reserved_is_not_found(step: Step, path: str) -> None:
    body = wanting(A=1) if "returns" in path else None
    assert refused(await step(path.format(id=uuid4()), body)) == (404, "reservation-not-found")


async def test_unknown_reservation_is_not_found(client: AsyncClient, as_orders: dict[str, str], order: str) -> None:
    answer = await client.get(f"/v1/reservations/{order}", headers=as_orders)
    assert refused(answer) == (404, "reservation-not-found")


async def test_only_who_may_reserve_does(
    client: AsyncClient,
    as_orders: dict[str, str],
    as_staff: dict[str, str],
    as_customer: dict[str, str],
    stocked: Stocked,
    order: str,
) -> None:
    sku = await stocked(5)
    url = f"/v1/reservations/{order}"
    for path, body in (("", wanting(**{sku: 1})), ("/pin", None), ("/commitment", None), ("/release", None)):
        for headers in (as_staff, as_customer):
            assert refused(await client.put(url + path, json=body, headers=headers)) == (403, "insufficient-scope")
        assert (await client.put(url + path, json=body)).status_code == 401
    assert (await client.put(url, json=wanting(**{sku: 1}), headers=as_orders)).status_code == 201
    assert refused(await client.get(url, headers=as_customer)) == (403, "insufficient-scope")
    for headers in (as_orders, as_staff):
        assert (await client.get(url, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lines": []}, "/body/lines"),
        ({"lines": [{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 1}]}, "/body/lines"),
        ({"lines": [{"sku": f"A{number}", "quantity": 1} for number in range(101)]}, "/body/lines"),
        ({"lines": [{"sku": "a", "quantity": 1}]}, "/body/lines/0/sku"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "/body/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 10_001}]}, "/body/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": "1"}]}, "/body/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 1}], "expires_in_seconds": 0}, "/body/expires_in_seconds"),
        ({"lines": [{"sku": "A", "quantity": 1}], "planet": "Earth"}, "/body/planet"),
    ],
)
async def test_what_is_not_acceptable_is_named(step: Step, body: dict[str, Any], pointer: str) -> None:
    answer = await step(body=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_reservations_are_listed_as_they_stood(
    client: AsyncClient, as_orders: dict[str, str], stocked: Stocked, step: Step, clock: FakeClock
) -> None:
    sku = await stocked(50)
    sold, expiring, released, later, after = (str(uuid7()) for _ in range(5))

    async def stood(at: datetime) -> dict[str, tuple[str, int]]:
        found = {}
        # Ids grow with time, so that this leaves out what other tests have reserved.
        url = f"/v1/reservations?as_of={at:%Y-%m-%dT%H:%M:%SZ}&limit=2&order_from={sold}&order_before={after}"
        while url:
            answer = await client.get(url, headers=as_orders)
            assert answer.status_code == 200, answer.text
            for each in answer.json()["items"]:
                found[each["order_id"]] = each["state"], sum(line["returned"] for line in each["lines"])
            url = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
        return found

    instants = [clock.now()]
    for order in (sold, expiring, released):
        await step(body=wanting(**{sku: 3}), order=order)
    for path, order in (("/pin", sold), ("/release", released)):
        clock.advance(minutes=1)
        await step(path, order=order)
        instants.append(clock.now())
    clock.advance(hours=1)
    await step("/commitment", order=sold)
    instants.append(clock.now())
    clock.advance(minutes=1)
    await step(f"/returns/{uuid4()}", wanting(**{sku: 2}), order=sold)
    await step(body=wanting(**{sku: 1}), order=later)
    await step(body=wanting(**{sku: 1}), order=after)
    instants.append(clock.now())

    held, pinned, gone = ("held", 0), ("pinned", 0), ("released", 0)
    assert await stood(instants[0] - timedelta(seconds=1)) == {}
    assert await stood(instants[0]) == {sold: held, expiring: held, released: held}
    assert await stood(instants[1]) == {sold: pinned, expiring: held, released: held}
    assert await stood(instants[2]) == {sold: pinned, expiring: held, released: gone}
    assert await stood(instants[3]) == {sold: ("committed", 0), expiring: ("expired", 0), released: gone}
    assert await stood(instants[4]) == {
        sold: ("committed", 2),
        expiring: ("expired", 0),
        released: gone,
        later: held,
    }


async def test_history_goes_back_four_hundred_days(
    client: AsyncClient, as_orders: dict[str, str], as_customer: dict[str, str], clock: FakeClock
) -> None:
    async def asked(as_of: datetime, headers: dict[str, str]) -> Response:
        return await client.get("/v1/reservations", params={"as_of": as_of.isoformat()}, headers=headers)

    first = clock.now() - timedelta(days=400)
    assert (await asked(first, as_orders)).status_code == 200
    assert refused(await asked(first - timedelta(seconds=1), as_orders)) == (422, "history-forgotten")
    assert refused(await asked(first, as_customer)) == (403, "insufficient-scope")
    assert (await client.get("/v1/reservations", headers=as_orders)).status_code == 422
