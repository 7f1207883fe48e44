"""The address book, as its owner and others meet it."""

from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

pytestmark = pytest.mark.anyio

BOOK = "/v1/customers/me/addresses"
ADDRESS: dict[str, Any] = {
    "recipient": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


async def add(client: AsyncClient, headers: dict[str, str], **changes: object) -> dict[str, Any]:
    answer = await client.post(BOOK, json={**ADDRESS, **changes}, headers=headers)
    assert answer.status_code == 201
    added: dict[str, Any] = answer.json()
    return added


async def test_added_address_is_found_at_its_location(client: AsyncClient, as_ada: dict[str, str]) -> None:
    answer = await client.post(BOOK, json=ADDRESS, headers=as_ada)
    assert answer.status_code == 201
    found = await client.get(answer.headers["location"], headers=as_ada)
    assert found.json() == answer.json()
    assert found.json() == {
        **ADDRESS,
        "id": answer.json()["id"],
        "line2": None,
        "region": None,
        "phone": None,
        "default_shipping": False,
        "default_billing": False,
    }
    assert found.headers["etag"] == answer.headers["etag"]


async def test_repeated_key_adds_one_address(client: AsyncClient, as_ada: dict[str, str]) -> None:
    headers = {**as_ada, "idempotency-key": "k1"}
    first = await client.post(BOOK, json=ADDRESS, headers=headers)
    second = await client.post(BOOK, json=ADDRESS, headers=headers)
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    third = await client.post(BOOK, json=ADDRESS, headers={**as_ada, "idempotency-key": "k2"})
    assert third.json()["id"] != first.json()["id"]


async def test_key_of_another_address_is_refused(client: AsyncClient, as_ada: dict[str, str]) -> None:
    headers = {**as_ada, "idempotency-key": "k1"}
    await client.post(BOOK, json=ADDRESS, headers=headers)
    refused = await client.post(BOOK, json={**ADDRESS, "city": "Paris"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_somebody_elses_address_is_not_found(
    client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str], method: str
) -> None:
    path = f"{BOOK}/{(await add(client, as_ada))['id']}"
    body = ADDRESS if method == "PUT" else None
    refused = await client.request(method, path, json=body, headers={**as_bob, "if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (404, "address-not-found")
    allowed = await client.request(method, path, json=body, headers={**as_ada, "if-match": "*"})
    assert allowed.is_success


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_address_that_never_was_is_not_found(client: AsyncClient, as_ada: dict[str, str], method: str) -> None:
    body = ADDRESS if method == "PUT" else None
    answer = await client.request(method, f"{BOOK}/{uuid4()}", json=body, headers={**as_ada, "if-match": "*"})
    assert answer.status_code == 404


async def test_replaced_address_keeps_its_id_and_nothing_else(client: AsyncClient, as_ada: dict[str, str]) -> None:
    before = await add(client, as_ada, region="Greater London")
    path = f"{BOOK}/{before['id']}"
    edit = {**as_ada, "if-match": (await client.get(path, headers=as_ada)).headers["etag"]}
    answer = await client.put(path, json={**ADDRESS, "city": "Paris", "country": "FR"}, headers=edit)
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["city"], answer.json()["region"]) == (before["id"], "Paris", None)
    assert (await client.get(path, headers=as_ada)).json() == answer.json()
    assert (await client.put(path, json=ADDRESS, headers=edit)).status_code == 412
    assert (await client.put(path, json=ADDRESS, headers=as_ada)).status_code == 428


async def test_known_version_is_not_sent_again(client: AsyncClient, as_ada: dict[str, str]) -> None:
    path = f"{BOOK}/{(await add(client, as_ada))['id']}"
    tag = (await client.get(path, headers=as_ada)).headers["etag"]
    assert (await client.get(path, headers={**as_ada, "if-none-match": tag})).status_code == 304
    assert (await client.get(path, headers={**as_ada, "if-none-match": '"99"'})).status_code == 200


async def test_new_default_takes_over(client: AsyncClient, as_ada: dict[str, str]) -> None:
    old = await add(client, as_ada, default_shipping=True, default_billing=True)
    new = await add(client, as_ada, default_billing=True)
    shown = (await client.get(f"{BOOK}/{old['id']}", headers=as_ada)).json()
    assert (shown["default_shipping"], shown["default_billing"]) == (True, False)
    assert (new["default_shipping"], new["default_billing"]) == (False, True)


async def test_removed_address_is_gone(client: AsyncClient, as_ada: dict[str, str]) -> None:
    path = f"{BOOK}/{(await add(client, as_ada))['id']}"
    assert (await client.delete(path, headers=as_ada)).status_code == 204
    assert (await client.get(path, headers=as_ada)).status_code == 404
    assert (await client.delete(path, headers=as_ada)).status_code == 404


async def test_book_is_read_page_by_page(client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str]) -> None:
    await add(client, as_bob)
    added = [await add(client, as_ada) for _ in range(3)]
    first = await client.get(f"{BOOK}?limit=2", headers=as_ada)
    assert first.json()["items"] == added[:2]
    last = await client.get(first.links["next"]["url"], headers=as_ada)
    assert last.json() == {"items": added[2:], "next_cursor": None}
    assert "link" not in last.headers


async def test_book_holds_twenty(client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str]) -> None:
    for _ in range(20):
        await add(client, as_ada)
    refused = await client.post(BOOK, json=ADDRESS, headers=as_ada)
    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (409, "too-many-addresses", 20)
    await add(client, as_bob)


@pytest.mark.parametrize(
    "change",
    [
        {"country": "XX"},
        {"country": "gb"},
        {"city": None},
        {"city": " "},
        {"line1": "12\nSquare"},
        {"recipient": "A" * 101},
        {"postal_code": "1" * 17},
        {"phone": "0123"},
        {"default_shipping": "yes"},
        {"planet": "Earth"},
    ],
)
async def test_what_is_not_acceptable_is_named(
    client: AsyncClient, as_ada: dict[str, str], change: dict[str, object]
) -> None:
    refused = await client.post(BOOK, json={**ADDRESS, **change}, headers=as_ada)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [f"/body/{name}" for name in change]
