"""What staff puts into the catalogue, and what everybody finds there."""

import json
import secrets
from typing import Any

import pytest
from httpx2 import Client

from tests.e2e.people import Person, eventually, patiently

PRICE = {"price": {"amount": 4900, "currency": "EUR"}}


def shirt() -> dict[str, Any]:
    """A product that nobody else has."""
    name = secrets.token_hex(6)
    variants = [
        {"sku": f"{name.upper()}-{size}", "name": size, "weight_grams": 250, "prices": [PRICE]} for size in "ML"
    ]
    return {"slug": f"shirt-{name}", "name": f"Linen shirt {name}", "variants": variants}


@pytest.fixture
def draft(staff: Person) -> dict[str, Any]:
    """A new product."""
    answer = staff.send("POST", "/v1/products", json=shirt())
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.fixture
def published(staff: Person, draft: dict[str, Any]) -> dict[str, Any]:
    """A product for sale."""
    answer = staff.send("POST", f"/v1/products/{draft['id']}/publish", if_match='"1"')
    assert answer.status_code == 200, answer.text
    return draft


def test_product_is_found_by_nobody_before_it_is_published(api: Client, staff: Person, draft: dict[str, Any]) -> None:
    assert patiently(api, "GET", f"/v1/products/{draft['slug']}").status_code == 404
    assert staff.send("GET", f"/v1/product-records/{draft['slug']}").json() == draft


def test_published_product_is_read_without_a_token(api: Client, published: dict[str, Any]) -> None:
    read = patiently(api, "GET", f"/v1/products/{published['slug']}")
    assert read.status_code == 200
    assert [each["prices"] for each in read.json()["variants"]] == [[PRICE["price"]]] * 2
    known = {"if-none-match": read.headers["etag"]}
    assert patiently(api, "GET", f"/v1/products/{published['id']}", headers=known).status_code == 304


def test_published_product_is_found_by_its_words_and_by_mistyped_ones(api: Client, published: dict[str, Any]) -> None:
    own = published["slug"].removeprefix("shirt-")
    for words, matching in ((f"shirts {own}", "words"), (f"linnen {own}", "similar")):
        found = patiently(api, "GET", "/v1/products", params={"q": words, "currency": "EUR"}).json()
        assert ([each["slug"] for each in found["items"]], found["matching"]) == ([published["slug"]], matching)
        assert found["items"][0]["price"] == PRICE["price"]


def test_category_lists_what_lies_in_it(api: Client, staff: Person, published: dict[str, Any]) -> None:
    name = secrets.token_hex(6)
    for slug, parent in ((name, None), (f"{name}-shirts", name)):
        made = staff.send("POST", "/v1/categories", json={"slug": slug, "name": slug, "parent": parent})
        assert made.status_code == 201, made.text
    into = {"categories": [f"{name}-shirts"]}
    assert staff.send("PATCH", f"/v1/products/{published['id']}", json=into, if_match="*").status_code == 200
    found = patiently(api, "GET", "/v1/products", params={"category": name, "facets": "true"}).json()
    assert [each["slug"] for each in found["items"]] == [published["slug"]]
    assert found["facets"]["categories"] == [{"value": f"{name}-shirts", "count": 1}]


def test_archived_product_is_gone(api: Client, staff: Person, published: dict[str, Any]) -> None:
    path = f"/v1/products/{published['id']}"
    assert staff.send("POST", f"{path}/archive", if_match="*").status_code == 200
    # Another replica may show for a moment what this one has changed.
    eventually(lambda: patiently(api, "GET", path).status_code == 404)


def test_new_price_is_shown_to_who_reads_next(api: Client, staff: Person, published: dict[str, Any]) -> None:
    path = f"/v1/products/{published['id']}"
    first = patiently(api, "GET", path)
    sku = published["variants"][0]["sku"]
    prices = {"prices": [{"price": {"amount": 3900, "currency": "EUR"}}]}
    answer = staff.send("PUT", f"{path}/variants/{sku}/prices", json=prices, if_match="*")
    assert answer.status_code == 200, answer.text

    def changed() -> bool:
        read = patiently(api, "GET", path)
        same = read.json()["variants"][0]["prices"] == [{"amount": 3900, "currency": "EUR"}]
        assert (read.headers["etag"] != first.headers["etag"]) is same
        return same

    eventually(changed)


def test_catalogue_is_not_a_customers_to_change(ada: Person, published: dict[str, Any]) -> None:
    refused = ada.send("POST", "/v1/products", json=shirt())
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient-scope")
    assert ada.send("PATCH", f"/v1/products/{published['id']}", json={}, if_match="*").status_code == 403
    assert ada.send("GET", f"/v1/product-records/{published['id']}").status_code == 403
    assert ada.send("GET", f"/v1/products/{published['id']}").status_code == 200


def test_prices_of_skus_are_not_for_the_public(ada: Person) -> None:
    assert ada.send("GET", "/v1/skus?sku=A&currency=EUR").status_code == 404


def test_import_brings_products_in_and_says_what_it_refused(api: Client, staff: Person) -> None:
    begun = staff.send("POST", "/v1/product-imports", json={"name": "journey"})
    assert begun.status_code == 201, begun.text
    product = shirt()
    lines = "\n".join([json.dumps({**product, "status": "published"}), '{"slug": "no-name"}'])
    headers = {**staff.authorization, "content-type": "application/jsonl"}
    path = begun.headers["location"]
    sent = patiently(api, "PUT", f"{path}/lines?last=true", content=lines, headers=headers)
    assert sent.status_code == 200, sent.text
    assert [sent.json()[name] for name in ("lines", "created", "refused")] == [2, 1, 1]
    refused = staff.send("GET", f"{path}/lines?outcome=refused").json()["items"]
    assert [(each["line"], each["code"]) for each in refused] == [(2, "line-refused")]
    assert patiently(api, "GET", f"/v1/products/{product['slug']}").status_code == 200
