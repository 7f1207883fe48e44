"""Products, as everybody and as staff meet them."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select

from chassis.app import Service
from chassis.database import Database
from chassis.tables import outbox
from chassis.testing import FakeClock

pytestmark = pytest.mark.anyio

Headers = dict[str, str]
Json = dict[str, Any]


async def told_about(service: Service, product_id: str) -> list[tuple[str, int]]:
    database: Database = service.app.state.database
    query = select(outbox.c.type, outbox.c.sequence).where(outbox.c.subject == product_id).order_by(outbox.c.sequence)
    async with database.read() as connection:
        found = await connection.execute(query)
        return [(kind.split(".")[2], sequence) for kind, sequence in found.all()]


async def test_draft_is_shown_to_staff_alone(client: AsyncClient, as_staff: Headers, draft: Json, shirt: Json) -> None:
    assert (await client.get(f"/v1/products/{draft['id']}")).status_code == 404
    assert (await client.get(f"/v1/products/{draft['slug']}")).status_code == 404
    record = await client.get(f"/v1/product-records/{draft['id']}", headers=as_staff)
    assert (record.status_code, record.json(), record.headers["etag"]) == (200, draft, '"1"')
    assert draft["status"] == "draft"
    assert {name: draft[name] for name in ("slug", "name", "attributes", "images")} == {
        name: shirt[name] for name in ("slug", "name", "attributes", "images")
    }


async def test_published_product_is_everybodys(client: AsyncClient, published: Json) -> None:
    by_id = await client.get(f"/v1/products/{published['id']}")
    by_slug = await client.get(f"/v1/products/{published['slug']}")
    assert by_id.status_code == 200
    assert by_id.json() == by_slug.json()
    assert "status" not in by_id.json()
    [medium, _] = by_id.json()["variants"]
    assert medium == {
        "sku": published["variants"][0]["sku"],
        "name": "M",
        "weight_grams": 250,
        "tax_class": "standard",
        "attributes": {"size": "M"},
        "prices": [{"amount": 4900, "currency": "EUR"}, {"amount": 5500, "currency": "USD"}],
    }


@pytest.mark.parametrize("reference", ["01890000-0000-7000-8000-000000000000", "nothing-like-it", "No-Slug!", "a%00b"])
async def test_product_that_never_was_is_not_found(client: AsyncClient, reference: str) -> None:
    answer = await client.get(f"/v1/products/{reference}")
    assert (answer.status_code, answer.json()["code"]) == (404, "product-not-found")


async def test_archived_product_is_gone_and_comes_back(
    client: AsyncClient, service: Service, as_staff: Headers, published: Json
) -> None:
    path = f"/v1/products/{published['id']}"
    edit = {**as_staff, "if-match": "*"}
    assert (await client.post(f"{path}/archive", headers=edit)).json()["status"] == "archived"
    assert (await client.get(path)).status_code == 404
    assert (await client.post(f"{path}/publish", headers=edit)).json()["status"] == "published"
    assert (await client.get(path)).status_code == 200
    assert await told_about(service, published["id"]) == [
        ("product-created", 1),
        ("product-published", 2),
        ("product-archived", 3),
        ("product-published", 4),
    ]


async def test_repeated_key_makes_one_product(client: AsyncClient, as_staff: Headers, shirt: Json) -> None:
    headers = {**as_staff, "idempotency-key": "k"}
    first = await client.post("/v1/products", json=shirt, headers=headers)
    again = await client.post("/v1/products", json=shirt, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    found = await client.get(first.headers["location"], headers=as_staff)
    assert found.json() == first.json()


async def test_slug_and_sku_belong_to_one_product(
    client: AsyncClient, as_staff: Headers, draft: Json, shirt: Json
) -> None:
    same = await client.post("/v1/products", json=shirt, headers=as_staff)
    assert (same.status_code, same.json()["code"]) == (409, "slug-taken")
    renamed = {**shirt, "slug": f"{shirt['slug']}-2"}
    taken = await client.post("/v1/products", json=renamed, headers=as_staff)
    assert (taken.status_code, taken.json()["code"]) == (409, "sku-taken")
    own = [{**each, "sku": f"{each['sku']}2"} for each in shirt["variants"]]
    assert (await client.post("/v1/products", json={**renamed, "variants": own}, headers=as_staff)).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/products", {"slug": "x", "name": "X"}),
        ("PATCH", "/v1/products/{id}", {}),
        ("PUT", "/v1/products/{id}/variants/{sku}", {"weight_grams": 1}),
        ("PUT", "/v1/products/{id}/variants/{sku}/prices", {"prices": []}),
        ("POST", "/v1/products/{id}/publish", None),
        ("POST", "/v1/products/{id}/archive", None),
        ("GET", "/v1/product-records/{id}", None),
        ("DELETE", "/v1/products/{id}/variants/{sku}", None),
    ],
)
async def test_customer_is_not_staff(
    client: AsyncClient, as_ada: Headers, as_staff: Headers, draft: Json, method: str, path: str, body: Any, name: str
) -> None:
    url = path.format(id=draft["id"], sku=draft["variants"][0]["sku"])
    if path == "/v1/products":
        body = {**body, "slug": f"x-{name}"}
    refused = await client.request(method, url, json=body, headers={**as_ada, "if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert (await client.request(method, url, json=body)).status_code == 401
    allowed = await client.request(method, url, json=body, headers={**as_staff, "if-match": "*"})
    assert allowed.is_success, allowed.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "New"}),
        ("PUT", "/variants/{sku}", {"weight_grams": 1}),
        ("PUT", "/variants/{sku}/prices", {"prices": []}),
        ("POST", "/publish", None),
        ("POST", "/archive", None),
        ("DELETE", "/variants/{sku}", None),
    ],
)
async def test_edit_has_to_name_the_current_version(
    client: AsyncClient, as_staff: Headers, draft: Json, method: str, path: str, body: Any
) -> None:
    url = f"/v1/products/{draft['id']}{path}".format(sku=draft["variants"][0]["sku"])
    assert (await client.request(method, url, json=body, headers=as_staff)).status_code == 428
    stale = {**as_staff, "if-match": '"99"'}
    assert (await client.request(method, url, json=body, headers=stale)).status_code == 412
    current = await client.request(method, url, json=body, headers={**as_staff, "if-match": '"1"'})
    assert (current.status_code, current.headers["etag"]) == (200, '"2"')
    seen = await client.get(f"/v1/product-records/{draft['id']}", headers=as_staff)
    assert (seen.json(), seen.headers["etag"]) == (current.json(), '"2"')


async def test_patch_merges(client: AsyncClient, as_staff: Headers, draft: Json) -> None:
    path, edit = f"/v1/products/{draft['id']}", {**as_staff, "if-match": "*"}
    patch = {"description": "Light.", "attributes": {"colour": "blue", "material": None}, "images": None}
    answer = await client.patch(path, json=patch, headers=edit)
    expected = {**draft, "description": "Light.", "attributes": {"colour": "blue"}, "images": []}
    assert {**answer.json(), "changed_at": ""} == {**expected, "changed_at": ""}
    emptied = await client.patch(path, json={"description": None, "attributes": None}, headers=edit)
    assert (emptied.json()["description"], emptied.json()["attributes"]) == ("", {})


async def test_nothing_is_sold_without_a_price(
    client: AsyncClient, as_staff: Headers, draft: Json, published: Json
) -> None:
    path = f"/v1/products/{published['id']}"
    sku = published["variants"][0]["sku"]
    edit = {**as_staff, "if-match": "*"}
    for method, url, body in [
        ("PUT", f"{path}/variants/{sku}/prices", {"prices": []}),
        ("PUT", f"{path}/variants/{sku}-2", {"weight_grams": 1}),
    ]:
        refused = await client.request(method, url, json=body, headers=edit)
        assert (refused.status_code, refused.json()["code"]) == (409, "product-incomplete")
    priced = {"weight_grams": 1, "prices": [{"price": {"amount": 100, "currency": "EUR"}}]}
    assert (await client.put(f"{path}/variants/{sku}-2", json=priced, headers=edit)).status_code == 200


async def test_product_without_variants_is_not_published(client: AsyncClient, as_staff: Headers, name: str) -> None:
    made = await client.post("/v1/products", json={"slug": name, "name": name}, headers=as_staff)
    path = f"/v1/products/{made.json()['id']}/publish"
    refused = await client.post(path, headers={**as_staff, "if-match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (409, "product-incomplete")


async def test_price_turns_by_itself_and_the_tag_with_it(
    client: AsyncClient, service: Service, as_staff: Headers, published: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(service.clock.now())
    monkeypatch.setattr(service, "clock", clock)
    path = f"/v1/products/{published['id']}"
    sku = published["variants"][0]["sku"]
    prices = [
        {"price": {"amount": 4900, "currency": "EUR"}, "valid_from": "2030-01-01T00:00:00Z"},
        {
            "price": {"amount": 3900, "currency": "EUR"},
            "valid_from": "2030-02-01T00:00:00Z",
            "valid_until": "2030-03-01T00:00:00Z",
        },
    ]
    edit = {**as_staff, "if-match": "*"}
    await client.put(f"{path}/variants/{sku}/prices", json={"prices": prices}, headers=edit)

    async def shown() -> tuple[int, str]:
        answer = await client.get(path)
        return answer.json()["variants"][0]["prices"][0]["amount"], answer.headers["etag"]

    before, first = await shown()
    clock.advance(days=31)
    during, second = await shown()
    assert (before, during) == (4900, 3900)
    assert first != second
    assert (await client.get(path, headers={"if-none-match": first})).status_code == 200
    assert (await client.get(path, headers={"if-none-match": second})).status_code == 304
    clock.advance(days=30)
    assert (await shown())[0] == 4900


@pytest.mark.parametrize(
    "change",
    [
        {"slug": "Shirt"},
        {"slug": "a--b"},
        {"slug": "11111111-1111-1111-1111-111111111111"},
        {"name": " "},
        {"name": "a\u0000b"},
        {"attributes": {"Material": "linen"}},
        {"attributes": {"material": ""}},
        {"images": [{"url": "javascript:alert(1)"}]},
        {"variants": [{"sku": "lower", "weight_grams": 1}]},
        {"variants": [{"sku": "A", "weight_grams": -1}]},
        {"variants": [{"sku": "A", "weight_grams": 1, "prices": [{"price": {"amount": 1.5, "currency": "EUR"}}]}]},
        {"variants": [{"sku": "A", "weight_grams": 1, "prices": [{"price": {"amount": 0, "currency": "EUR"}}]}]},
        {"variants": [{"sku": "A", "weight_grams": 1}, {"sku": "A", "weight_grams": 1}]},
        {"price": 1},
    ],
)
async def test_what_is_not_acceptable_is_refused(
    client: AsyncClient, as_staff: Headers, name: str, change: Json
) -> None:
    answer = await client.post("/v1/products", json={"slug": name, "name": name, **change}, headers=as_staff)
    assert answer.status_code == 422, answer.text
