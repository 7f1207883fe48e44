"""What happens to a product that somebody may want to know. ``catalog.events`` says which of it is told.

Each carries the product's ``version`` after the change; no two changes have the same.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from catalog.domain.prices import Price


@dataclass(frozen=True, slots=True)
class _Happened:
    product_id: UUID
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ProductCreated(_Happened):
    """There is a new product, as a draft."""

    slug: str
    name: str
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductChanged(_Happened):
    """Staff described it, or its variants, anew."""

    slug: str
    name: str
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PriceChanged(_Happened):
    """One of its variants has another schedule of prices."""

    sku: str
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class ProductPublished(_Happened):
    """It can be found and bought."""

    slug: str
    name: str
    skus: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductArchived(_Happened):
    """It can no longer be found nor bought."""

    skus: tuple[str, ...]


Event = ProductCreated | ProductChanged | PriceChanged | ProductPublished | ProductArchived
