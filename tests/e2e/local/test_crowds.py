"""What everybody wants at the same moment is sold once, and what one person asks for many times is done once."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import AsyncClient, Limits, Response

from tests.e2e.people import CLIENT_ID, PATIENCE_SECONDS, Person, eventually
from tests.e2e.shop import Shelf, captures_of, fill_cart, order_of

pytestmark = pytest.mark.anyio

AT_ONCE = 200
ARRIVING = 16
PIECES = 50
TOO_EARLY = (409, 429, 503, 504)
RUNNING = {"placed", "reserved", "authorised", "pinned", "captured"}


@pytest.fixture
async def crowd(base_url: str) -> AsyncIterator[AsyncClient]:
    """A client with a connection for everybody."""
    limits = Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with AsyncClient(base_url=base_url, timeout=PATIENCE_SECONDS, limits=limits) as client:
        yield client


async def insist(client: AsyncClient, method: str, path: str, **options: Any) -> Response:
    """Send a request, and again while it comes too early or nobody has time for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    answer = await client.request(method, path, **options)
    while answer.status_code in TOO_EARLY:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(float(answer.headers.get("retry-after", "0.5")))
        answer = await client.request(method, path, **options)
    return answer


async def arrive(client: AsyncClient, shelf: Shelf, door: asyncio.Semaphore) -> tuple[dict[str, str], str]:
    """Come with an account and one piece in the cart; return who that is, and the cart."""
    async with door:
        who = {"email": f"{secrets.token_hex(8)}@crowd.example", "password": "correct horse battery"}
        assert (await insist(client, "POST", "/v1/accounts", json={**who, "name": "Ada"})).status_code == 202
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": who["email"], "password": who["password"]}
        token = (await insist(client, "POST", "/v1/oauth/token", data=form)).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        cart_id = (await insist(client, "POST", "/v1/carts", json={}, headers=headers)).json()["id"]
        path = f"/v1/carts/{cart_id}/lines/{shelf.sku}"
        assert (await insist(client, "PUT", path, json={"quantity": 1}, headers=headers)).status_code == 200
        return headers, cart_id


async def buy(client: AsyncClient, headers: dict[str, str], cart_id: str) -> dict[str, Any]:
    """Order what is in the cart, and wait for what comes of it."""
    keyed = {**headers, "idempotency-key": secrets.token_hex(8)}
    placed = await insist(client, "POST", "/v1/orders", json=order_of(cart_id), headers=keyed)
    assert placed.status_code == 201, placed.text
    order: dict[str, Any] = placed.json()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while order["status"] in RUNNING:
            await asyncio.sleep(1)
            order = (await insist(client, "GET", f"/v1/orders/{order['id']}", headers=headers)).json()
    return order


async def test_two_hundred_buyers_get_exactly_the_fifty_pieces(crowd: AsyncClient, staff: Person) -> None:
    shelf = Shelf.filled(staff, pieces=PIECES)
    door = asyncio.Semaphore(ARRIVING)
    people = await asyncio.gather(*(arrive(crowd, shelf, door) for _ in range(AT_ONCE)))
    bought = await asyncio.gather(*(buy(crowd, *each) for each in people))
    ended = Counter((order["status"], order["code"]) for order in bought)
    assert ended == {("confirmed", None): PIECES, ("rejected", "insufficient-stock"): AT_ONCE - PIECES}
    assert shelf.stock() == (0, 0)
    assert captures_of(staff, *(order["id"] for order in bought)) == {
        order["id"]: 1 for order in bought if order["status"] == "confirmed"
    }


async def test_two_hundred_equal_requests_are_one_order(crowd: AsyncClient, ada: Person, staff: Person) -> None:
    shelf = Shelf.filled(staff, pieces=PIECES)
    body, key = order_of(fill_cart(ada, shelf)), {"idempotency-key": secrets.token_hex(8)}
    answers = await asyncio.gather(
        *(insist(crowd, "POST", "/v1/orders", json=body, headers={**ada.authorization, **key}) for _ in range(AT_ONCE))
    )
    assert {answer.status_code for answer in answers} == {201}
    [order_id] = {answer.json()["id"] for answer in answers}
    assert [answer.headers.get("idempotency-replayed") for answer in answers].count(None) <= 1
    eventually(lambda: ada.send("GET", f"/v1/orders/{order_id}").json()["status"] == "confirmed")
    assert [each["id"] for each in ada.send("GET", "/v1/orders").json()["items"]] == [order_id]
    assert captures_of(staff, order_id) == {order_id: 1}
    assert shelf.stock() == (PIECES - 1, 0)
