"""What SKUs cost, as orders asks it."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from chassis.app import Service
from chassis.testing import TokenIssuer

pytestmark = pytest.mark.anyio

Headers = dict[str, str]
Json = dict[str, Any]


async def test_published_sku_has_its_price(
    client: AsyncClient, service: Service, as_orders: Headers, published: Json
) -> None:
    sku = published["variants"][0]["sku"]
    answer = await client.get(f"/v1/skus?sku={sku}&sku=NOBODYS&sku={sku}&currency=EUR", headers=as_orders)
    assert answer.status_code == 200
    assert answer.json() == {
        "currency": "EUR",
        "as_of": service.clock.now().isoformat().replace("+00:00", "Z"),
        "items": [
            {
                "sku": sku,
                "product_id": published["id"],
                "name": f"{published['name']}, M",
                "price": {"amount": 4900, "currency": "EUR"},
                "weight_grams": 250,
                "tax_class": "standard",
                "categories": [],
                "image_url": "https://images.example/shirt.jpg",
            }
        ],
        "missing": [{"sku": "NOBODYS", "reason": "unknown"}],
    }


async def test_draft_is_not_sold(client: AsyncClient, as_orders: Headers, draft: Json) -> None:
    sku = draft["variants"][0]["sku"]
    answer = await client.get(f"/v1/skus?sku={sku}&currency=EUR", headers=as_orders)
    assert (answer.json()["items"], answer.json()["missing"]) == ([], [{"sku": sku, "reason": "not-published"}])


async def test_currency_without_a_price_is_missing(client: AsyncClient, as_orders: Headers, published: Json) -> None:
    sku = published["variants"][0]["sku"]
    answer = await client.get(f"/v1/skus?sku={sku}&currency=JPY", headers=as_orders)
    assert answer.json()["missing"] == [{"sku": sku, "reason": "no-price"}]


async def test_hundred_skus_are_enough(client: AsyncClient, as_orders: Headers) -> None:
    most = "&".join(f"sku=S{number}" for number in range(100))
    answer = await client.get(f"/v1/skus?{most}&currency=EUR", headers=as_orders)
    assert len(answer.json()["missing"]) == 100
    assert (await client.get(f"/v1/skus?{most}&sku=ONE&currency=EUR", headers=as_orders)).status_code == 422
    assert (await client.get("/v1/skus?currency=EUR", headers=as_orders)).status_code == 422
    assert (await client.get("/v1/skus?sku=A&currency=eur", headers=as_orders)).status_code == 422


async def test_only_who_sells_may_ask(
    client: AsyncClient, tokens: TokenIssuer, as_staff: Headers, as_orders: Headers
) -> None:
    path = "/v1/skus?sku=A&currency=EUR"
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=as_staff)).status_code == 403
    elsewhere = tokens.headers("orders", "catalog:price", audience="payments")
    assert (await client.get(path, headers=elsewhere)).status_code == 401
    assert (await client.get(path, headers=as_orders)).status_code == 200
