"""A product's rules, between a draft and the archive."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from catalog.domain.events import PriceChanged, ProductArchived, ProductChanged, ProductCreated, ProductPublished
from catalog.domain.prices import Price
from catalog.domain.products import (
    MAX_ATTRIBUTES,
    MAX_VARIANTS,
    Details,
    Image,
    Product,
    ProductIncompleteError,
    RepeatedSkuError,
    Status,
    TooManyAttributesError,
    TooManyVariantsError,
    merged,
)
from catalog.domain.variants import Spec, TaxClass, VariantNotFoundError
from chassis.money import Money

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 1, tzinfo=UTC)


def test_new_product_is_a_draft_and_told(shirt: Product) -> None:
    assert (shirt.status, shirt.version, shirt.published_at) == (Status.DRAFT, 1, None)
    assert [type(each) for each in shirt.events] == [ProductCreated]


def test_product_is_found_by_its_words_and_its_variants(shirt: Product) -> None:
    assert shirt.facets == ["material=linen", "size=M"]
    assert shirt.keywords == "SHIRT-M M linen medium shirts"


def test_every_change_counts_once_and_no_change_does_not(shirt: Product, spec: Spec, price: Price) -> None:
    shirt.change(shirt.details, NOW)
    shirt.put_variant(spec, [price], NOW)
    shirt.set_prices(spec.sku, [price], NOW)
    assert (shirt.version, len(shirt.events)) == (1, 1)
    shirt.change(replace(shirt.details, name="Shirt"), NOW)
    shirt.put_variant(replace(spec, weight_grams=300), None, NOW)
    shirt.set_prices(spec.sku, [Price(Money(1, "EUR"), NOW)], NOW)
    shirt.publish(NOW)
    shirt.publish(LATER)
    shirt.archive(LATER)
    shirt.archive(LATER)
    kinds = [ProductCreated, ProductChanged, ProductChanged, PriceChanged, ProductPublished, ProductArchived]
    assert [type(each) for each in shirt.events] == kinds
    assert [each.version for each in shirt.events] == [1, 2, 3, 4, 5, 6]
    assert (shirt.published_at, shirt.changed_at) == (NOW, LATER)


def test_changed_variant_is_found_by_its_new_words(shirt: Product, spec: Spec) -> None:
    shirt.put_variant(replace(spec, attributes={"size": "L"}), None, NOW)
    assert shirt.facets == ["material=linen", "size=L"]


def test_product_is_sold_with_variants_and_prices_only(shirt: Product, spec: Spec) -> None:
    bare = Product(Details("bare", "Bare"), [], NOW)
    with pytest.raises(ProductIncompleteError):
        bare.publish(NOW)
    shirt.put_variant(replace(spec, sku="SHIRT-L"), None, NOW)
    with pytest.raises(ProductIncompleteError) as refusal:
        shirt.publish(NOW)
    assert refusal.value.extensions == {"skus": ["SHIRT-L"]}
    shirt.set_prices("SHIRT-L", [Price(Money(1, "EUR"), LATER)], NOW)
    shirt.publish(NOW)
    assert shirt.status is Status.PUBLISHED


def test_what_is_sold_stays_complete(shirt: Product, spec: Spec, price: Price) -> None:
    shirt.publish(NOW)
    with pytest.raises(ProductIncompleteError):
        shirt.set_prices(spec.sku, [], NOW)
    with pytest.raises(ProductIncompleteError):
        shirt.remove_variant(spec.sku, NOW)
    with pytest.raises(ProductIncompleteError):
        shirt.put_variant(replace(spec, sku="SHIRT-L"), None, NOW)
    shirt.put_variant(replace(spec, sku="SHIRT-L"), [price], NOW)
    shirt.remove_variant(spec.sku, NOW)
    assert shirt.skus == ("SHIRT-L",)


def test_draft_may_lose_its_last_variant(shirt: Product, spec: Spec) -> None:
    shirt.remove_variant(spec.sku, NOW)
    assert shirt.skus == ()
    with pytest.raises(VariantNotFoundError):
        shirt.remove_variant(spec.sku, NOW)


def test_product_has_an_end_to_its_variants_and_attributes(shirt: Product, spec: Spec) -> None:
    for number in range(MAX_VARIANTS - 1):
        shirt.put_variant(replace(spec, sku=f"S{number}"), None, NOW)
    with pytest.raises(TooManyVariantsError):
        shirt.put_variant(replace(spec, sku="ONE-MORE"), None, NOW)
    many = {f"a{number}": "x" for number in range(MAX_ATTRIBUTES)}
    shirt.change(replace(shirt.details, attributes=many), NOW)
    with pytest.raises(TooManyAttributesError):
        shirt.change(replace(shirt.details, attributes={**many, "one_more": "x"}), NOW)


def test_new_product_names_each_sku_once(spec: Spec) -> None:
    with pytest.raises(RepeatedSkuError):
        Product(Details("a", "A"), [(spec, []), (spec, [])], NOW)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({}, {}),
        ({"name": "B"}, {"name": "B"}),
        ({"description": None}, {"description": ""}),
        ({"attributes": {"size": "M"}}, {"attributes": {"material": "linen", "size": "M"}}),
        ({"attributes": {"material": None}}, {"attributes": {}}),
        ({"attributes": None}, {"attributes": {}}),
        ({"categories": ["b", "a", "b"]}, {"categories": ("b", "a")}),
        ({"categories": None}, {"categories": ()}),
        ({"images": [{"url": "u", "alt": ""}]}, {"images": (Image("u"),)}),
        ({"images": None}, {"images": ()}),
    ],
)
def test_merge_patch(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = Details("a", "A", "Words.", ("shirts",), {"material": "linen"}, (Image("before"),))
    assert merged(before, patch) == replace(before, **expected)


def test_tax_class_is_part_of_what_a_variant_is(shirt: Product, spec: Spec) -> None:
    shirt.put_variant(replace(spec, tax_class=TaxClass.REDUCED), None, NOW)
    assert shirt.variant(spec.sku).spec.tax_class is TaxClass.REDUCED
