"""Products as people look for them: by words, right and wrong, by what they are, and by what they cost."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.testing import FakeClock

pytestmark = pytest.mark.anyio

Headers = dict[str, str]
Json = dict[str, Any]


def thing(slug: str, title: str, amount: int, **fields: Any) -> Json:
    price = {"price": {"amount": amount, "currency": "EUR"}, "valid_from": "2029-01-01T00:00:00Z"}
    variant = {"sku": slug.upper(), "weight_grams": 100, "prices": [price]}
    return {"slug": slug, "name": title, **fields, "variants": [{**variant, **fields.pop("variant", {})}]}


@pytest.fixture(scope="module")
def shop() -> list[Json]:
    """Things with a category tree of their own, so that other tests' products are not counted."""
    blue, red = {"colour": "blue"}, {"colour": "red"}
    return [
        thing("shop-1", "Wireless headphones", 9900, categories=["shop-audio"], attributes=blue),
        thing("shop-2", "Headphone stand", 2900, categories=["shop-audio"], attributes=red),
        thing("shop-3", "Linen shirt", 4900, categories=["shop-wear"], attributes={**blue, "material": "linen"}),
        thing("shop-4", "Cotton shirt", 1900, categories=["shop-wear"], attributes={**red, "material": "cotton"}),
        thing("shop-5", "Teapot", 3500, categories=["shop"], description="Goes with any shirt."),
    ]


@pytest.fixture(scope="module", autouse=True)
async def stocked(client: AsyncClient, service: Service, tokens: Any, shop: list[Json]) -> None:
    """Put everything up for sale, one a minute."""
    staff = tokens.headers("01890000-0000-7000-8000-000000000000", "catalog:manage", roles=("staff",))
    for slug, parent in (("shop", None), ("shop-audio", "shop"), ("shop-wear", "shop")):
        await client.post("/v1/categories", json={"slug": slug, "name": slug, "parent": parent}, headers=staff)
    clock = service.clock
    turning = FakeClock(clock.now())
    service.clock = turning
    for each in shop:
        made = await client.post("/v1/products", json=each, headers=staff)
        assert made.status_code == 201, made.text
        path = f"/v1/products/{made.json()['id']}/publish"
        assert (await client.post(path, headers={**staff, "if-match": "*"})).status_code == 200
        turning.advance(minutes=1)
    service.clock = clock


async def slugs(client: AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/v1/products?category=shop&{query}")
    assert answer.status_code == 200, answer.text
    return [each["slug"] for each in answer.json()["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["shop-5", "shop-4", "shop-3", "shop-2", "shop-1"]),
        ("q=shirts&sort=name", ["shop-4", "shop-3", "shop-5"]),
        ("q=linen+shirt", ["shop-3"]),
        ("q=blue", ["shop-3", "shop-1"]),
        ("q=shop-4", ["shop-4"]),
        ("q=shirt+-cotton&sort=name", ["shop-3", "shop-5"]),
        ("attr.colour=red", ["shop-4", "shop-2"]),
        ("attr.colour=red&attr.material=cotton", ["shop-4"]),
        ("attr.material=cotton&attr.material=linen", ["shop-4", "shop-3"]),
        ("attr.colour=green", []),
        ("currency=EUR&sort=price", ["shop-4", "shop-2", "shop-5", "shop-3", "shop-1"]),
        ("currency=EUR&price_min=2900&price_max=4900&sort=price", ["shop-2", "shop-5", "shop-3"]),
        ("currency=USD", []),
        ("sort=name", ["shop-4", "shop-2", "shop-3", "shop-5", "shop-1"]),
        ("q=the", []),
    ],
)
async def test_list_is_filtered_and_sorted(client: AsyncClient, query: str, expected: list[str]) -> None:
    assert sorted(await slugs(client, query)) == sorted(expected)
    if query != "q=blue":
        assert await slugs(client, query) == expected


async def test_name_counts_for_more_than_the_description(client: AsyncClient) -> None:
    found = await slugs(client, "q=shirt")
    assert (set(found[:2]), found[2:]) == ({"shop-3", "shop-4"}, ["shop-5"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hedphones", ["shop-1", "shop-2"]),
        ("haedphones", ["shop-1"]),
        ("teepot", ["shop-5"]),
        ("linnen shrt", ["shop-3"]),
        ("wirless", ["shop-1"]),
        ("quxbarble", []),
    ],
)
async def test_mistyped_words_find_similar_ones(client: AsyncClient, typed: str, meant: list[str]) -> None:
    answer = await client.get("/v1/products", params={"q": typed, "category": "shop"})
    assert [each["slug"] for each in answer.json()["items"]] == meant
    assert answer.json()["matching"] == "similar"
    right = await client.get("/v1/products", params={"q": "teapot", "category": "shop"})
    assert right.json()["matching"] == "words"


@pytest.mark.parametrize("order", ["sort=newest", "sort=name", "sort=price&currency=EUR", "q=shirt", "q=hedphones"])
async def test_pages_add_up_to_the_list(client: AsyncClient, order: str) -> None:
    whole = await slugs(client, order)
    url, found = f"/v1/products?category=shop&limit=1&{order}", []
    while url:
        answer = await client.get(url)
        found += [each["slug"] for each in answer.json()["items"]]
        url = answer.links["next"]["url"] if answer.json()["next_cursor"] else ""
    assert found == whole
    assert len(found) > 1


async def test_facets_count_all_that_is_found(client: AsyncClient) -> None:
    answer = await client.get("/v1/products?category=shop&facets=true&limit=1")
    assert answer.json()["facets"] == {
        "total": 5,
        "categories": [
            {"value": "shop-audio", "count": 2},
            {"value": "shop-wear", "count": 2},
            {"value": "shop", "count": 1},
        ],
        "attributes": {
            "colour": [{"value": "blue", "count": 2}, {"value": "red", "count": 2}],
            "material": [{"value": "cotton", "count": 1}, {"value": "linen", "count": 1}],
        },
    }
    filtered = await client.get("/v1/products?category=shop&facets=true&attr.colour=blue&q=linnen")
    assert filtered.json()["facets"]["total"] == 1
    assert (await client.get("/v1/products?category=shop")).json()["facets"] is None


async def test_entry_shows_the_least_price_now(client: AsyncClient) -> None:
    answer = await client.get("/v1/products?category=shop-audio&currency=EUR&sort=price&limit=1")
    [entry] = answer.json()["items"]
    assert (entry["slug"], entry["price"]) == ("shop-2", {"amount": 2900, "currency": "EUR"})
    without = await client.get("/v1/products?category=shop-audio&limit=1")
    assert without.json()["items"][0]["price"] is None


async def test_price_that_turns_moves_the_product_in_the_list(
    client: AsyncClient, service: Service, as_staff: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(service.clock.now())
    monkeypatch.setattr(service, "clock", clock)
    record = await client.get("/v1/product-records/shop-1", headers=as_staff)
    path = f"/v1/products/{record.json()['id']}/variants/SHOP-1/prices"
    before = {"price": {"amount": 9900, "currency": "EUR"}, "valid_from": "2029-01-01T00:00:00Z"}
    sale = {"price": {"amount": 100, "currency": "EUR"}, "valid_from": "2030-06-01T00:00:00Z"}
    edit = {**as_staff, "if-match": "*"}
    assert (await client.put(path, json={"prices": [before, sale]}, headers=edit)).status_code == 200
    query = "currency=EUR&sort=price&limit=1"
    assert await slugs(client, query) == ["shop-4"]
    clock.advance(days=365)
    assert await slugs(client, query) == ["shop-1"]
    assert (await client.put(path, json={"prices": [before]}, headers=edit)).status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sort=price", 422),
        ("price_min=1", 422),
        ("price_max=1", 422),
        ("price_min=-1&currency=EUR", 422),
        ("price_min=9999999999999999999&currency=EUR", 422),
        ("attr.Colour=blue", 422),
        ("attr.colour=", 422),
        ("attr.=x", 422),
        ("attr.colour=a%00", 422),
        ("&".join(f"attr.a{number}=x" for number in range(11)), 422),
        ("sort=best", 422),
        ("q=a%00", 422),
        ("limit=101", 422),
        ("cursor=bm90aGluZw", 400),
        ("q=%22%27%26%7C%21%28%3A%2A", 200),
        ("category=no-such", 200),
    ],
)
async def test_nonsense_is_refused_or_finds_nothing(client: AsyncClient, query: str, status: int) -> None:
    answer = await client.get(f"/v1/products?{query}")
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["items"] == []


async def test_records_are_listed_by_status(
    client: AsyncClient, as_staff: Headers, as_ada: Headers, draft: Json
) -> None:
    newest = await client.get("/v1/product-records?limit=1", headers=as_staff)
    assert newest.json()["items"] == [draft]
    following = await client.get(newest.links["next"]["url"], headers=as_staff)
    assert following.json()["items"][0]["id"] < draft["id"]
    archived = await client.get("/v1/product-records?status=archived&limit=100", headers=as_staff)
    assert draft["id"] not in [each["id"] for each in archived.json()["items"]]
    assert (await client.get("/v1/product-records", headers=as_ada)).status_code == 403
