"""The books, compared: nothing is found where all is well, and whatever is planted is found."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from chassis.app import Service
from chassis.database import Database
from chassis.ids import uuid7
from orders.workers.sagas import SagaWorker
from services.orders.tests.api.test_fulfilment import Desk
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import work
from services.orders.tests.peers import Payment, Peers, Reservation

pytestmark = pytest.mark.anyio

Placed = Callable[..., Awaitable[str]]


async def rest(service: Service) -> None:
    """Let an hour pass: everything that happened is an hour older."""
    earlier = """
        UPDATE orders SET placed_at = placed_at - interval '1 hour', history = (
            SELECT jsonb_agg(jsonb_set(c, '{at}', to_jsonb((c->>'at')::timestamptz - interval '1 hour')))
            FROM jsonb_array_elements(history) c),
        returns = (SELECT coalesce(jsonb_agg(CASE WHEN c->>'refunded_at' IS NULL THEN c ELSE jsonb_set(
            c, '{refunded_at}', to_jsonb((c->>'refunded_at')::timestamptz - interval '1 hour')) END), '[]')
            FROM jsonb_array_elements(returns) c)
    """
    sagas = (
        "UPDATE sagas SET created_at = created_at - interval '1 hour', finished_at = finished_at - interval '1 hour'"
    )
    database: Database = service.app.state.database
    async with database.read() as connection:
        await connection.execute(text(earlier))
        await connection.execute(text(sagas))


async def pages(client: AsyncClient, headers: dict[str, str], *, limit: int) -> list[dict[str, Any]]:
    """Return all pages of a comparison, which are as of one instant."""
    path: str | None = f"/v1/reconciliation?limit={limit}"
    found: list[dict[str, Any]] = []
    while path:
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 200, answer.json()
        found.append(answer.json())
        path = answer.links["next"]["url"] if answer.json()["next_cursor"] else None
    assert len({page["as_of"] for page in found}) == 1
    return found


async def compared(client: AsyncClient, headers: dict[str, str], *, limit: int = 20) -> dict[str, Any]:
    """Return a comparison of everything."""
    found = await pages(client, headers, limit=limit)
    return {
        "orders": sum(page["orders"] for page in found),
        "left_out": sum(page["left_out"] for page in found),
        "differences": [each for page in found for each in page["differences"]],
    }


@pytest.mark.parametrize("instant", ["2001-04-30T00:26:01Z", "0001-01-01T00:00:00Z"])
async def test_instant_that_a_book_has_forgotten_is_refused(
    client: AsyncClient, as_staff: dict[str, str], instant: str
) -> None:
    answer = await client.get("/v1/reconciliation", params={"as_of": instant}, headers=as_staff)
    assert (answer.status_code, answer.json()["detail"]) == (422, "inventory: It goes back 400 days.")


@pytest.fixture
async def history(
    client: AsyncClient,
    service: Service,
    worker: SagaWorker,
    shop: Shop,
    as_staff: dict[str, str],
    placed: Placed,
) -> dict[str, str]:
    """One order of each kind, at rest: their ids by what became of them."""
    made = {"confirmed": await placed(), "declined": await placed("tok_decline")}
    made |= {"refused": await placed("tok_capture_refused"), "cancelled": await placed(), "returned": await placed()}
    await work(service, worker)
    await shop.cancel(made["cancelled"])
    desk = Desk(client, as_staff, made["returned"])
    await desk.ship(3)
    asked = await desk.send_back(1)
    await desk.post(f"/returns/{asked.json()['id']}/acceptance", {})
    await work(service, worker)
    return made


async def test_books_agree(
    client: AsyncClient, service: Service, as_staff: dict[str, str], history: dict[str, str]
) -> None:
    busy = await compared(client, as_staff)
    assert (busy["orders"], busy["left_out"], busy["differences"]) == (0, 5, [])
    await rest(service)
    found = await compared(client, as_staff)
    assert (found["orders"], found["left_out"], found["differences"]) == (5, 0, [])


async def test_order_whose_saga_runs_is_left_out(
    client: AsyncClient, service: Service, worker: SagaWorker, as_staff: dict[str, str], placed: Placed, peers: Peers
) -> None:
    await placed()
    peers.fault("commit", "away")
    await worker.work_once()
    await rest(service)
    found = await compared(client, as_staff)
    assert (found["orders"], found["left_out"], found["differences"]) == (0, 1, [])


async def test_comparison_goes_through_the_orders_page_by_page(
    client: AsyncClient, service: Service, as_staff: dict[str, str], history: dict[str, str], placed: Placed
) -> None:
    await placed()
    await rest(service)
    found = await pages(client, as_staff, limit=2)
    assert [(page["orders"], page["left_out"], page["differences"]) for page in found] == [
        (1, 1, []),
        (2, 0, []),
        (2, 0, []),
    ]


async def test_pages_are_right_while_peers_are_of_the_release_before(
    client: AsyncClient, service: Service, as_staff: dict[str, str], history: dict[str, str], peers: Peers
) -> None:
    await rest(service)
    peers.older = True
    found = await pages(client, as_staff, limit=2)
    assert [(page["orders"], page["differences"]) for page in found] == [(2, []), (2, []), (1, [])]


@pytest.mark.parametrize("cursor", ["nonsense", "WzFd"])
async def test_cursor_of_another_list_is_refused(client: AsyncClient, as_staff: dict[str, str], cursor: str) -> None:
    answer = await client.get("/v1/reconciliation", params={"cursor": cursor}, headers=as_staff)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-cursor")


async def test_what_the_provider_does_for_others_is_no_difference(
    client: AsyncClient, as_staff: dict[str, str], peers: Peers
) -> None:
    peers.elsewhere = ["till-7"]
    assert await compared(client, as_staff) == {"orders": 0, "left_out": 0, "differences": []}


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_whatever_is_planted_is_found(
    client: AsyncClient, service: Service, as_staff: dict[str, str], history: dict[str, str], peers: Peers, limit: int
) -> None:
    await rest(service)
    peers.payments[history["confirmed"]].times_captured = 2
    peers.payments[history["returned"]].refunds["planted"] = 5
    peers.payments[history["refused"]].state = "authorised"
    peers.reservations[history["declined"]].state = "held"
    peers.reservations[history["cancelled"]].returned.clear()
    ghost, thief = str(uuid4()), str(uuid7())
    peers.payments[ghost] = Payment({"amount": 7, "currency": "EUR"}, "tok", "captured", times_captured=1)
    peers.reservations[thief] = Reservation({"MUG": 1}, "committed")
    found = {
        (each["order_id"], each["book"]): each
        for each in (await compared(client, as_staff, limit=limit))["differences"]
    }
    assert set(found) == {
        (history["confirmed"], "provider"),
        (history["returned"], "ledger"),
        (history["returned"], "provider"),
        (history["refused"], "ledger"),
        (history["refused"], "provider"),
        (history["declined"], "stock"),
        (history["cancelled"], "stock"),
        (ghost, "ledger"),
        (ghost, "provider"),
        (thief, "stock"),
    }
    twice = found[history["confirmed"], "provider"]
    assert (twice["expected"], twice["found"]) == ("captured 3390, refunded 0", "captured 6780, refunded 0")
    assert found[thief, "stock"]["found"] == "taken 1 of MUG"


async def test_reconciliation_is_staffs_and_of_the_past(
    client: AsyncClient, as_ada: dict[str, str], as_staff: dict[str, str], peers: Peers
) -> None:
    assert (await client.get("/v1/reconciliation", headers=as_ada)).status_code == 403
    future = "/v1/reconciliation?as_of=2099-01-01T00:00:00Z"
    assert (await client.get(future, headers=as_staff)).status_code == 422
    peers.down.add("inventory")
    assert (await client.get("/v1/reconciliation", headers=as_staff)).status_code == 503
