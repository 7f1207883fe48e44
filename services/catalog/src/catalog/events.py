"""What of a product's life is told to others, and in which words."""

from datetime import datetime
from functools import singledispatch
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from catalog.domain import events as domain
from chassis.events import EventData, Message
from chassis.money_schema import MoneyField


class ScheduledPrice(BaseModel):
    """An amount that holds for a time; the one of its currency that began last is the one to pay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    price: MoneyField
    valid_from: datetime
    valid_until: datetime | None


class ProductCreated(EventData):
    """There is a new product. Nobody can buy it yet."""

    name: ClassVar[str] = "product-created"

    product_id: UUID
    slug: str
    title: str
    skus: tuple[str, ...]
    created_at: datetime


class ProductChanged(EventData):
    """A product is described otherwise, or has other variants: ``skus`` are all it has now."""

    name: ClassVar[str] = "product-changed"

    product_id: UUID
    slug: str
    title: str
    skus: tuple[str, ...]
    changed_at: datetime


class ProductPriceChanged(EventData):
    """A variant has another schedule of prices: ``prices`` is all of it."""

    name: ClassVar[str] = "product-price-changed"

    product_id: UUID
    sku: str
    prices: tuple[ScheduledPrice, ...]
    changed_at: datetime


class ProductPublished(EventData):
    """A product can be found and bought."""

    name: ClassVar[str] = "product-published"

    product_id: UUID
    slug: str
    title: str
    skus: tuple[str, ...]
    published_at: datetime


class ProductArchived(EventData):
    """A product can no longer be found nor bought."""

    name: ClassVar[str] = "product-archived"

    product_id: UUID
    skus: tuple[str, ...]
    archived_at: datetime


PUBLISHED = (ProductCreated, ProductChanged, ProductPriceChanged, ProductPublished, ProductArchived)
"""Everything this service tells; the JSON Schemas are checked in under ``events``."""


def publish(event: domain.Event) -> Message:
    """Return what is told of a domain event; all of a product's are told."""
    return Message(_told(event), subject=str(event.product_id), sequence=event.version)


@singledispatch
def _told(event: domain.Event) -> EventData:
    raise TypeError(f"nothing is told of {event!r}")


@_told.register
def _(event: domain.ProductCreated) -> EventData:
    return ProductCreated(
        product_id=event.product_id, slug=event.slug, title=event.name, skus=event.skus, created_at=event.at
    )


@_told.register
def _(event: domain.ProductChanged) -> EventData:
    return ProductChanged(
        product_id=event.product_id, slug=event.slug, title=event.name, skus=event.skus, changed_at=event.at
    )


@_told.register
def _(event: domain.PriceChanged) -> EventData:
    prices = tuple(
        ScheduledPrice(price=MoneyField.of(each.money), valid_from=each.valid_from, valid_until=each.valid_until)
        for each in event.prices
    )
    return ProductPriceChanged(product_id=event.product_id, sku=event.sku, prices=prices, changed_at=event.at)


@_told.register
def _(event: domain.ProductPublished) -> EventData:
    return ProductPublished(
        product_id=event.product_id, slug=event.slug, title=event.name, skus=event.skus, published_at=event.at
    )


@_told.register
def _(event: domain.ProductArchived) -> EventData:
    return ProductArchived(product_id=event.product_id, skus=event.skus, archived_at=event.at)
