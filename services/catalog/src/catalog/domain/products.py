"""The product: what is shown, the variants that are sold, and the rules between a draft and the archive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from catalog.domain.events import (
    Event,
    PriceChanged,
    ProductArchived,
    ProductChanged,
    ProductCreated,
    ProductPublished,
)
from catalog.domain.prices import Price, checked
from catalog.domain.variants import Spec, Variant, VariantNotFoundError
from chassis.errors import ConflictError, InvalidError, NotFoundError
from chassis.ids import uuid7

MAX_ATTRIBUTES = 30
MAX_VARIANTS = 100
"""Per product: enough for sizes times colours, and few enough to be loaded together."""


class ProductNotFoundError(NotFoundError):
    """Nobody sells this, or not in public."""

    code = "product-not-found"
    title = "No such product"


class SlugTakenError(ConflictError):
    """Another product has this slug."""

    code = "slug-taken"
    title = "The slug is taken"


class ProductIncompleteError(ConflictError):
    """A product needs variants, and each of them a price, before anybody can buy it."""

    code = "product-incomplete"
    title = "The product cannot be sold yet"


class TooManyAttributesError(InvalidError):
    """A product has a limit to its attributes."""

    code = "too-many-attributes"
    title = "The product has too many attributes"


class TooManyVariantsError(InvalidError):
    """A product has a limit to its variants."""

    code = "too-many-variants"
    title = "The product has too many variants"


class RepeatedSkuError(InvalidError):
    """Two variants of one product would have the same SKU."""

    code = "repeated-sku"
    title = "Two variants have one SKU"


class Status(StrEnum):
    """Where a product stands: only published ones are found and sold."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, kept somewhere else. ``alt`` says what it shows to those who cannot see it."""

    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """How a product is shown. ``categories`` are slugs, ``attributes`` names and values such as ``material: linen``."""

    slug: str
    name: str
    description: str = ""
    categories: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    images: tuple[Image, ...] = ()


def merged(details: Details, patch: Mapping[str, Any]) -> Details:
    """Apply a JSON merge patch (RFC 7396): what is absent stays, what is null is empty then, attributes are merged.

    Args:
        details: What was.
        patch: Fields of ``Details`` in JSON's words.
    """
    changes = dict(patch)
    if "attributes" in patch:
        given = patch["attributes"]
        together = {} if given is None else {**details.attributes, **given}
        changes["attributes"] = {name: value for name, value in together.items() if value is not None}
    if "categories" in patch:
        changes["categories"] = tuple(dict.fromkeys(patch["categories"] or ()))
    if "images" in patch:
        changes["images"] = tuple(Image(**each) for each in patch["images"] or ())
    if "description" in patch:
        changes["description"] = patch["description"] or ""
    return replace(details, **changes)


class Product:
    """A product and its variants, which nothing but the product changes.

    ``version`` counts every change of either. ``facets`` (``name=value``) and ``keywords`` are what lists find it by,
    from its own words and its variants'.
    """

    def __init__(self, details: Details, variants: Sequence[tuple[Spec, Iterable[Price]]], now: datetime) -> None:
        self.id = uuid7()
        self.version = 1
        self.status = Status.DRAFT
        self.created_at = self.changed_at = now
        self.published_at: datetime | None = None
        self.variants: list[Variant] = []
        self.facets: list[str] = []
        self.keywords = ""
        self._describe(details)
        for spec, prices in variants:
            if any(each.sku == spec.sku for each in self.variants):
                raise RepeatedSkuError(sku=spec.sku)
            self._append(spec).prices = checked(prices)
        self._index()
        self.events: list[Event] = [
            ProductCreated(self.id, self.version, now, self.slug, self.name, self.skus),
        ]

    @property
    def details(self) -> Details:
        """How it is shown."""
        return Details(self.slug, self.name, self.description, tuple(self.categories), self.attributes, self.images)

    @property
    def skus(self) -> tuple[str, ...]:
        """What can be bought of it, when it is published."""
        return tuple(each.sku for each in self.variants)

    def variant(self, sku: str) -> Variant:
        """Return one of the product's variants.

        Raises:
            VariantNotFoundError: It has none with this SKU.
        """
        for each in self.variants:
            if each.sku == sku:
                return each
        raise VariantNotFoundError(sku=sku)

    def change(self, details: Details, now: datetime) -> None:
        """Show it otherwise; nothing happens if it is shown so already."""
        if details != self.details:
            self._describe(details)
            self._changed(now)

    def put_variant(self, spec: Spec, prices: Iterable[Price] | None, now: datetime) -> None:
        """Have a variant of this SKU that is so: one more, or the one that was there, changed.

        Args:
            spec: What it is.
            prices: Its schedule; None leaves it as it is, which is empty in the beginning.
            now: When.

        Raises:
            TooManyVariantsError: It would be one more than ``MAX_VARIANTS``.
            PriceScheduleError: The prices contradict each other.
            ProductIncompleteError: The product is published, and the variant would have no price.
        """
        if spec.sku not in self.skus:
            schedule = checked(prices or ())
            self._ensure_priced(schedule)
            self._append(spec).prices = schedule
            self._changed(now)
            return
        found = self.variant(spec.sku)
        if found.spec != spec:
            found.become(spec)
            self._changed(now)
        if prices is not None:
            self.set_prices(spec.sku, prices, now)

    def remove_variant(self, sku: str, now: datetime) -> None:
        """Sell this variant no longer.

        Raises:
            VariantNotFoundError: There is none with this SKU.
            ProductIncompleteError: It is the last one of a published product.
        """
        found = self.variant(sku)
        if self.status is Status.PUBLISHED and len(self.variants) == 1:
            raise ProductIncompleteError("A published product has a variant; archive it instead.")
        self.variants.remove(found)
        self._changed(now)

    def set_prices(self, sku: str, prices: Iterable[Price], now: datetime) -> None:
        """Give a variant another schedule, and tell it; the one it has already is no change.

        Raises:
            VariantNotFoundError: There is none with this SKU.
            PriceScheduleError: The prices contradict each other.
            ProductIncompleteError: The product is published, and there would be no price.
        """
        found, schedule = self.variant(sku), checked(prices)
        if schedule == found.prices:
            return
        self._ensure_priced(schedule)
        found.prices = schedule
        self._count(now)
        self.events.append(PriceChanged(self.id, self.version, now, sku, schedule))

    def publish(self, now: datetime) -> None:
        """Sell it; nothing happens if it is sold already.

        Raises:
            ProductIncompleteError: There is no variant, or one without any price.
        """
        if self.status is Status.PUBLISHED:
            return
        unpriced = [each.sku for each in self.variants if not each.prices]
        if unpriced or not self.variants:
            raise ProductIncompleteError("It needs a variant, and every variant a price.", skus=unpriced)
        self.status = Status.PUBLISHED
        self.published_at = now
        self._count(now)
        self.events.append(ProductPublished(self.id, self.version, now, self.slug, self.name, self.skus))

    def archive(self, now: datetime) -> None:
        """Sell it no longer; it may be published again. Nothing happens if it is archived already."""
        if self.status is Status.ARCHIVED:
            return
        self.status = Status.ARCHIVED
        self._count(now)
        self.events.append(ProductArchived(self.id, self.version, now, self.skus))

    def _ensure_priced(self, schedule: tuple[Price, ...]) -> None:
        if self.status is Status.PUBLISHED and not schedule:
            raise ProductIncompleteError("Every variant of a published product has a price; archive it instead.")

    def _describe(self, details: Details) -> None:
        if len(details.attributes) > MAX_ATTRIBUTES:
            raise TooManyAttributesError(f"A product has at most {MAX_ATTRIBUTES}.", limit=MAX_ATTRIBUTES)
        self.slug = details.slug
        self.name = details.name
        self.description = details.description
        self.categories = list(details.categories)
        self.attributes = dict(details.attributes)
        self.images = details.images

    def _append(self, spec: Spec) -> Variant:
        if len(self.variants) >= MAX_VARIANTS:
            raise TooManyVariantsError(f"A product has at most {MAX_VARIANTS} variants.", limit=MAX_VARIANTS)
        position = self.variants[-1].position + 1 if self.variants else 1
        added = Variant(self.id, position, spec)
        self.variants.append(added)
        return added

    def _changed(self, now: datetime) -> None:
        self._index()
        self._count(now)
        self.events.append(ProductChanged(self.id, self.version, now, self.slug, self.name, self.skus))

    def _count(self, now: datetime) -> None:
        self.version += 1
        self.changed_at = now

    def _index(self) -> None:
        sources = [self.attributes, *(each.attributes for each in self.variants)]
        self.facets = sorted({f"{name}={value}" for source in sources for name, value in source.items()})
        values = {value for source in sources for value in source.values()}
        names = {each.name for each in self.variants if each.name}
        words = [*self.skus, *sorted(names | values), *(slug.replace("-", " ") for slug in self.categories)]
        self.keywords = " ".join(words)
