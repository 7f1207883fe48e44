"""Categories, as everybody and as staff meet them."""

from typing import Any

import pytest
from httpx2 import AsyncClient

pytestmark = pytest.mark.anyio

Headers = dict[str, str]


async def add(client: AsyncClient, headers: Headers, slug: str, parent: str | None = None) -> None:
    answer = await client.post("/v1/categories", json={"slug": slug, "name": slug, "parent": parent}, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_category_shows_what_is_around_it(client: AsyncClient, as_staff: Headers, name: str) -> None:
    await add(client, as_staff, name)
    await add(client, as_staff, f"{name}-shirts", name)
    await add(client, as_staff, f"{name}-linen", f"{name}-shirts")
    answer = await client.get(f"/v1/categories/{name}-shirts")
    assert answer.json() == {
        "slug": f"{name}-shirts",
        "name": f"{name}-shirts",
        "parent": name,
        "above": [{"slug": name, "name": name, "parent": None}],
        "below": [{"slug": f"{name}-linen", "name": f"{name}-linen", "parent": f"{name}-shirts"}],
    }


async def test_categories_are_read_page_by_page(client: AsyncClient, as_staff: Headers, name: str) -> None:
    for number in range(3):
        await add(client, as_staff, f"{name}-{number}")
    url, found = "/v1/categories?limit=2", []
    while url:
        answer = await client.get(url)
        found += [each["slug"] for each in answer.json()["items"]]
        url = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
    assert [slug for slug in found if slug.startswith(name)] == [f"{name}-{number}" for number in range(3)]


async def test_slug_stands_for_one_category(client: AsyncClient, as_staff: Headers, name: str) -> None:
    await add(client, as_staff, name)
    again = await client.post("/v1/categories", json={"slug": name, "name": "Other"}, headers=as_staff)
    assert (again.status_code, again.json()["code"]) == (409, "category-exists")


async def test_category_is_renamed_and_moved(client: AsyncClient, as_staff: Headers, name: str) -> None:
    await add(client, as_staff, name)
    await add(client, as_staff, f"{name}-b")
    path = f"/v1/categories/{name}-b"
    assert (await client.patch(path, json={"name": "B"}, headers=as_staff)).status_code == 428
    assert (await client.patch(path, json={"name": "B"}, headers={**as_staff, "if-match": '"9"'})).status_code == 412
    edit = {**as_staff, "if-match": (await client.get(path)).headers["etag"]}
    moved = await client.patch(path, json={"name": "B", "parent": name}, headers=edit)
    assert moved.json() == {"slug": f"{name}-b", "name": "B", "parent": name}
    top = await client.patch(path, json={"parent": None}, headers={**as_staff, "if-match": "*"})
    assert top.json()["parent"] is None


async def test_categories_make_no_ring(client: AsyncClient, as_staff: Headers, name: str) -> None:
    await add(client, as_staff, name)
    await add(client, as_staff, f"{name}-b", name)
    edit = {**as_staff, "if-match": "*"}
    for parent in (name, f"{name}-b", f"{name}-nowhere"):
        refused = await client.patch(f"/v1/categories/{name}", json={"parent": parent}, headers=edit)
        assert (refused.status_code, refused.json()["code"]) == (422, "category-misplaced")


async def test_tree_has_a_depth(client: AsyncClient, as_staff: Headers, name: str) -> None:
    parent = None
    for number in range(6):
        await add(client, as_staff, f"{name}-{number}", parent)
        parent = f"{name}-{number}"
    one_more = {"slug": f"{name}-6", "name": "6", "parent": parent}
    refused = await client.post("/v1/categories", json=one_more, headers=as_staff)
    assert (refused.status_code, refused.json()["code"]) == (422, "category-misplaced")
    await add(client, as_staff, f"{name}-root")
    moved = await client.patch(
        f"/v1/categories/{name}-0", json={"parent": f"{name}-root"}, headers={**as_staff, "if-match": "*"}
    )
    assert moved.status_code == 422


async def test_category_is_removed_when_nothing_is_in_it(
    client: AsyncClient, as_staff: Headers, draft: dict[str, Any], name: str
) -> None:
    await add(client, as_staff, name)
    await add(client, as_staff, f"{name}-b", name)
    product = f"/v1/products/{draft['id']}"
    edit = {**as_staff, "if-match": "*"}
    assert (await client.patch(product, json={"categories": [f"{name}-b"]}, headers=edit)).status_code == 200
    for slug in (name, f"{name}-b"):
        refused = await client.delete(f"/v1/categories/{slug}", headers=as_staff)
        assert (refused.status_code, refused.json()["code"]) == (409, "category-in-use")
    await client.patch(product, json={"categories": []}, headers=edit)
    for slug in (f"{name}-b", name):
        assert (await client.delete(f"/v1/categories/{slug}", headers=as_staff)).status_code == 204
        assert (await client.get(f"/v1/categories/{slug}")).status_code == 404


async def test_product_lies_in_categories_that_exist(
    client: AsyncClient, as_staff: Headers, draft: dict[str, Any], shirt: dict[str, Any], name: str
) -> None:
    edit = {**as_staff, "if-match": "*"}
    body = {"categories": [f"{name}-nowhere"]}
    refused = await client.patch(f"/v1/products/{draft['id']}", json=body, headers=edit)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown-category")
    assert refused.json()["categories"] == body["categories"]
    assert (await client.post("/v1/products", json={**shirt, **body}, headers=as_staff)).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/categories", {"slug": "x", "name": "X"}),
        ("PATCH", "/v1/categories/{name}", {"name": "X"}),
        ("DELETE", "/v1/categories/{name}", None),
    ],
)
async def test_customer_is_not_staff(
    client: AsyncClient, as_ada: Headers, as_staff: Headers, method: str, path: str, body: Any, name: str
) -> None:
    await add(client, as_staff, name)
    url, body = path.format(name=name), body and {**body, **({"slug": f"{name}-x"} if method == "POST" else {})}
    assert (await client.request(method, url, json=body)).status_code == 401
    refused = await client.request(method, url, json=body, headers={**as_ada, "if-match": "*"})
    assert refused.status_code == 403
    allowed = await client.request(method, url, json=body, headers={**as_staff, "if-match": "*"})
    assert allowed.is_success
