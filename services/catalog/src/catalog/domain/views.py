"""What readers see: rows of what is committed, and products as they stand within a unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from catalog.domain.categories import Category
from catalog.domain.prices import Price, turns
from catalog.domain.products import Image, Product, Status
from catalog.domain.variants import TaxClass, Variant


class VariantView(NamedTuple):
    """A variant with its whole schedule of prices."""

    sku: str
    name: str
    weight_grams: int
    tax_class: TaxClass
    attributes: Mapping[str, str]
    prices: Sequence[Price]

    @classmethod
    def of(cls, variant: Variant) -> "VariantView":
        """Show a variant as it stands."""
        return cls(
            variant.sku, variant.name, variant.weight_grams, variant.tax_class, variant.attributes, variant.prices
        )


class ProductView(NamedTuple):
    """A product with its variants, in their order."""

    id: UUID
    version: int
    status: Status
    slug: str
    name: str
    description: str
    categories: Sequence[str]
    attributes: Mapping[str, str]
    images: Sequence[Image]
    created_at: datetime
    changed_at: datetime
    published_at: datetime | None
    variants: Sequence[VariantView]

    @classmethod
    def of(cls, product: Product) -> "ProductView":
        """Show a product as it stands."""
        own = {name: getattr(product, name) for name in cls._fields if name != "variants"}
        return cls(**own, variants=[VariantView.of(each) for each in product.variants])

    def edition(self, now: datetime) -> int:
        """Return a number for what everybody sees now: it grows with each change, and with each price's turn.

        What a product costs follows the clock, so its version alone does not say whether a reader has the present one.
        """
        passed = sum(turn <= now for variant in self.variants for turn in turns(variant.prices))
        return (self.version << 20) | min(passed, (1 << 20) - 1)


class CategoryView(NamedTuple):
    """A category."""

    slug: str
    version: int
    name: str
    parent: str | None

    @classmethod
    def of(cls, category: Category) -> "CategoryView":
        """Show a category as it stands."""
        return cls(category.slug, category.version, category.name, category.parent)


class CategoryTree(NamedTuple):
    """A category, those it lies in from the top down, and those that lie in it."""

    category: CategoryView
    above: Sequence[CategoryView]
    below: Sequence[CategoryView]
