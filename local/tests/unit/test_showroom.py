"""The catalogue to try things with: credible, and the same each time."""

import re

from tradewind import showroom

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")


def test_showroom_is_the_same_each_time() -> None:
    assert list(showroom.products()) == list(showroom.products())


def test_showroom_has_some_hundred_different_products() -> None:
    products = list(showroom.products())
    assert 300 <= len(products) == len({each["slug"] for each in products}) == len({each["name"] for each in products})
    skus = [variant["sku"] for each in products for variant in each["variants"]]
    assert len(products) < len(skus) == len(set(skus))
    assert all(SKU.fullmatch(sku) for sku in skus)
    assert all(SLUG.fullmatch(each["slug"]) for each in products)


def test_products_lie_in_categories_that_are_made_before_what_lies_in_them() -> None:
    slugs = [slug for slug, _, _ in showroom.CATEGORIES]
    for place, (_, _, parent) in enumerate(showroom.CATEGORIES):
        assert parent is None or parent in slugs[:place]
    used = {slug for each in showroom.products() for slug in each["categories"]}
    assert used <= set(slugs)
    parents = {parent for _, _, parent in showroom.CATEGORIES}
    assert set(slugs) - used <= parents


def test_everything_has_a_price_in_each_currency() -> None:
    for each in showroom.products():
        for variant in each["variants"]:
            amounts = {price["price"]["currency"]: price["price"]["amount"] for price in variant["prices"]}
            assert amounts.keys() == {"EUR", "USD", "GBP"}
            assert min(amounts.values()) > 0
