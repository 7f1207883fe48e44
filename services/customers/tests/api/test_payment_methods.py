"""Saved payment methods, as their owner and others meet them. No answer to anybody here holds a token."""

import logging
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import func, select

from chassis.app import Service
from chassis.database import Database
from chassis.tables import idempotency_keys
from customers.data.tables import payment_methods

pytestmark = pytest.mark.anyio

WALLET = "/v1/customers/me/payment-methods"
TOKEN = "tok_approve_7f3a"
CARD: dict[str, Any] = {"kind": "card", "token": TOKEN, "label": "Ada's card", "last4": "4242", "expires": "2027-04"}
CHOOSE = {"is_default": True}


async def save(client: AsyncClient, headers: dict[str, str], **changes: object) -> dict[str, Any]:
    answer = await client.post(WALLET, json={**CARD, **changes}, headers=headers)
    assert answer.status_code == 201, answer.text
    saved: dict[str, Any] = answer.json()
    return saved


async def test_saved_method_is_found_without_its_token(client: AsyncClient, as_ada: dict[str, str]) -> None:
    answer = await client.post(WALLET, json=CARD, headers=as_ada)
    assert answer.status_code == 201
    found = await client.get(answer.headers["location"], headers=as_ada)
    assert found.json() == answer.json()
    assert found.headers["etag"] == answer.headers["etag"] == '"1"'
    assert found.json() == {
        "id": answer.json()["id"],
        "kind": "card",
        "label": "Ada's card",
        "last4": "4242",
        "expires": "2027-04",
        "is_default": False,
    }
    listed = await client.get(WALLET, headers=as_ada)
    assert listed.json() == {"items": [found.json()], "next_cursor": None}


async def test_account_of_paypal_needs_no_more_than_token_and_label(
    client: AsyncClient, as_ada: dict[str, str]
) -> None:
    answer = await client.post(WALLET, json={"kind": "paypal", "token": "pp_1", "label": "PayPal"}, headers=as_ada)
    assert answer.status_code == 201
    assert (answer.json()["last4"], answer.json()["expires"]) == (None, None)


async def test_repeated_key_saves_one(client: AsyncClient, as_ada: dict[str, str]) -> None:
    headers = {**as_ada, "idempotency-key": "k1"}
    first, again = [await client.post(WALLET, json=CARD, headers=headers) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert again.headers["location"] == first.headers["location"]
    assert len((await client.get(WALLET, headers=as_ada)).json()["items"]) == 1
    refused = await client.post(WALLET, json={**CARD, "token": "tok_other"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("name", ["token", "label"])
@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "tok-4111-1111-1111-1111-x"])
async def test_card_number_is_refused_and_leaves_no_trace(
    client: AsyncClient,
    service: Service,
    ada: UUID,
    as_ada: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
    number: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {**as_ada, "idempotency-key": "k1"}
    refused = await client.post(WALLET, json={**CARD, name: number}, headers=headers)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "card-number-refused", name)
    written = capfd.readouterr()
    for text in (refused.text, caplog.text, written.out, written.err):
        assert "1111" not in text.replace(str(ada), "")
    database: Database = service.app.state.database
    async with database.read() as connection:
        for table, whose in ((payment_methods, "customer_id"), (idempotency_keys, "principal")):
            own = table.c[whose] == (ada if whose == "customer_id" else str(ada))
            assert await connection.scalar(select(func.count()).select_from(table).where(own)) == 0
    allowed = await client.post(WALLET, json={**CARD, name: number.replace("1111", "1112", 1)}, headers=headers)
    assert allowed.status_code == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_somebody_elses_method_is_not_found(
    client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str], method: str
) -> None:
    path = f"{WALLET}/{(await save(client, as_ada))['id']}"
    body = CHOOSE if method == "PUT" else None
    for url, headers in ((path, as_bob), (f"{WALLET}/{uuid4()}", as_ada)):
        refused = await client.request(method, url, json=body, headers={**headers, "if-match": "*"})
        assert (refused.status_code, refused.json()["code"]) == (404, "payment-method-not-found")
        assert refused.json()["payment_method_id"] == url.rpartition("/")[2]
    allowed = await client.request(method, path, json=body, headers={**as_ada, "if-match": "*"})
    assert allowed.is_success


async def test_default_is_chosen_by_who_has_seen_the_current_version(
    client: AsyncClient, as_ada: dict[str, str]
) -> None:
    old = await save(client, as_ada, is_default=True)
    new = await save(client, as_ada)
    path = f"{WALLET}/{new['id']}"
    edit = {**as_ada, "if-match": (await client.get(path, headers=as_ada)).headers["etag"]}
    chosen = await client.put(path, json=CHOOSE, headers=edit)
    assert (chosen.status_code, chosen.json(), chosen.headers["etag"]) == (200, {**new, **CHOOSE}, '"2"')
    assert (await client.get(f"{WALLET}/{old['id']}", headers=as_ada)).json()["is_default"] is False
    assert (await client.put(path, json=CHOOSE, headers=edit)).status_code == 412
    assert (await client.put(path, json=CHOOSE, headers=as_ada)).status_code == 428
    none = await client.put(path, json={"is_default": False}, headers={**as_ada, "if-match": chosen.headers["etag"]})
    assert (none.status_code, none.json()["is_default"]) == (200, False)


async def test_known_version_is_not_sent_again(client: AsyncClient, as_ada: dict[str, str]) -> None:
    path = f"{WALLET}/{(await save(client, as_ada))['id']}"
    assert (await client.get(path, headers={**as_ada, "if-none-match": '"1"'})).status_code == 304
    assert (await client.get(path, headers={**as_ada, "if-none-match": '"2"'})).status_code == 200


async def test_removed_method_is_gone(client: AsyncClient, as_ada: dict[str, str]) -> None:
    path = f"{WALLET}/{(await save(client, as_ada, is_default=True))['id']}"
    assert (await client.delete(path, headers=as_ada)).status_code == 204
    assert (await client.get(path, headers=as_ada)).status_code == 404
    assert (await client.delete(path, headers=as_ada)).status_code == 404


async def test_list_is_read_page_by_page(client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str]) -> None:
    await save(client, as_bob)
    saved = [await save(client, as_ada) for _ in range(3)]
    first = await client.get(f"{WALLET}?limit=2", headers=as_ada)
    last = await client.get(first.links["next"]["url"], headers=as_ada)
    assert first.json()["items"] + last.json()["items"] == saved
    assert last.json()["next_cursor"] is None


async def test_ten_can_be_saved(client: AsyncClient, as_ada: dict[str, str], as_bob: dict[str, str]) -> None:
    for _ in range(10):
        await save(client, as_ada)
    refused = await client.post(WALLET, json=CARD, headers=as_ada)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-payment-methods")
    assert refused.json()["limit"] == 10
    await save(client, as_bob)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cheque"},
        {"token": ""},
        {"token": "t" * 256},
        {"token": "tok_\u00e9"},
        {"token": None},
        {"label": " "},
        {"label": "A" * 101},
        {"last4": "424"},
        {"last4": "\u0664\u0662\u0664\u0662"},
        {"last4": "4111111111111111"},
        {"expires": "2027-13"},
        {"expires": "04/27"},
        {"is_default": "yes"},
        {"number": "4111111111111111"},
    ],
)
async def test_what_is_not_acceptable_is_named_and_not_repeated(
    client: AsyncClient, as_ada: dict[str, str], change: dict[str, object]
) -> None:
    refused = await client.post(WALLET, json={**CARD, **change}, headers=as_ada)
    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == [f"/body/{name}" for name in change]
    assert "4111111111111111" not in refused.text


@pytest.mark.parametrize("body", [{}, {"is_default": None}, {"is_default": True, "token": "tok_other"}])
async def test_nothing_but_the_default_can_be_changed(
    client: AsyncClient, as_ada: dict[str, str], body: dict[str, object]
) -> None:
    path = f"{WALLET}/{(await save(client, as_ada))['id']}"
    edit = {**as_ada, "if-match": "*"}
    assert (await client.put(path, json=body, headers=edit)).status_code == 422
    assert (await client.put(path, json=CHOOSE, headers=edit)).status_code == 200
