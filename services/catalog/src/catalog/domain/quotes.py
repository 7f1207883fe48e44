"""What SKUs cost at an instant, for whoever sells them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from catalog.domain.prices import Price, price_at
from catalog.domain.products import Image, Status
from catalog.domain.variants import TaxClass
from chassis.money import Money

MAX_SKUS = 100
"""At once: as many as an order has lines."""


class Reason(StrEnum):
    """Why something cannot be sold now."""

    UNKNOWN = "unknown"
    NOT_PUBLISHED = "not-published"
    NO_PRICE = "no-price"


class SkuView(NamedTuple):
    """A variant and what of its product matters to who sells it."""

    sku: str
    product_id: UUID
    status: Status
    product_name: str
    variant_name: str
    weight_grams: int
    tax_class: TaxClass
    categories: Sequence[str]
    images: Sequence[Image]
    prices: Sequence[Price]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be sold. ``name`` is the product's and the variant's."""

    sku: str
    product_id: UUID
    name: str
    price: Money
    weight_grams: int
    tax_class: TaxClass
    categories: Sequence[str]
    image_url: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that cannot."""

    sku: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Quote:
    """What was asked for, each SKU once and in the order of the question, in ``items`` or in ``missing``."""

    currency: str
    as_of: datetime
    items: Sequence[Item]
    missing: Sequence[Missing]


def quote(wanted: Sequence[str], known: Mapping[str, SkuView], currency: str, now: datetime) -> Quote:
    """Say of each SKU what it costs in ``currency`` at ``now``, or why it cannot be sold."""
    items: list[Item] = []
    missing: list[Missing] = []
    for sku in dict.fromkeys(wanted):
        answer = _of(sku, known.get(sku), currency, now)
        if isinstance(answer, Item):
            items.append(answer)
        else:
            missing.append(answer)
    return Quote(currency, now, items, missing)


def _of(sku: str, found: SkuView | None, currency: str, now: datetime) -> Item | Missing:
    if found is None:
        return Missing(sku, Reason.UNKNOWN)
    if found.status is not Status.PUBLISHED:
        return Missing(sku, Reason.NOT_PUBLISHED)
    price = price_at(found.prices, currency, now)
    if price is None:
        return Missing(sku, Reason.NO_PRICE)
    return Item(
        sku=sku,
        product_id=found.product_id,
        name=f"{found.product_name}, {found.variant_name}" if found.variant_name else found.product_name,
        price=price,
        weight_grams=found.weight_grams,
        tax_class=found.tax_class,
        categories=found.categories,
        image_url=found.images[0].url if found.images else None,
    )
