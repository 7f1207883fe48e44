"""Variants: what a customer really buys of a product, known by its SKU."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from catalog.domain.prices import Price
from chassis.errors import ConflictError, NotFoundError


class VariantNotFoundError(NotFoundError):
    """The product has no variant with this SKU."""

    code = "variant-not-found"
    title = "No such variant"


class SkuTakenError(ConflictError):
    """Another product has a variant with this SKU."""

    code = "sku-taken"
    title = "The SKU is taken"


class TaxClass(StrEnum):
    """How something is taxed; the rates are not this service's to know."""

    STANDARD = "standard"
    REDUCED = "reduced"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a variant is. ``name`` tells it from the product's others, and is empty where there are none."""

    sku: str
    name: str
    weight_grams: int
    tax_class: TaxClass
    attributes: Mapping[str, str] = field(default_factory=dict)


class Variant:
    """A variant of a product. ``prices`` is its whole schedule, in order, replaced as a whole."""

    def __init__(self, product_id: UUID, position: int, spec: Spec, prices: tuple[Price, ...] = ()) -> None:
        self.sku = spec.sku
        self.product_id = product_id
        self.position = position
        self.prices = prices
        self.become(spec)

    @property
    def spec(self) -> Spec:
        """What it is."""
        return Spec(self.sku, self.name, self.weight_grams, self.tax_class, self.attributes)

    def become(self, spec: Spec) -> None:
        """Be this from now on; the SKU stays."""
        self.name = spec.name
        self.weight_grams = spec.weight_grams
        self.tax_class = spec.tax_class
        self.attributes = dict(spec.attributes)
