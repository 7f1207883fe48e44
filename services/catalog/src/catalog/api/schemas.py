"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from catalog.api.fields import (
    AttributeName,
    Attributes,
    AttributeValue,
    Grams,
    ImageUrl,
    Line,
    Prose,
    Sku,
    Slug,
    VariantName,
)
from catalog.domain.imports import Outcome
from catalog.domain.listing import Facets, Matching
from catalog.domain.prices import MAX_PRICES, Price, prices_at
from catalog.domain.products import MAX_VARIANTS, Details, Status, merged
from catalog.domain.quotes import Reason
from catalog.domain.variants import Spec, TaxClass
from catalog.domain.views import CategoryTree, ProductView, VariantView
from chassis.instants import Instant
from chassis.money_schema import MoneyField
from chassis.pagination import Page

_MAX_CATEGORIES = 10
_MAX_IMAGES = 20


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PriceIn(_In):
    """A price: from now on where no beginning is given, and without end where no end is."""

    price: MoneyField
    valid_from: Instant | None = None
    valid_until: Instant | None = None

    def to_price(self, now: datetime) -> Price:
        """Return the domain's price."""
        return Price(self.price.to_money(), self.valid_from or now, self.valid_until)


Schedule = Annotated[list[PriceIn], Field(max_length=MAX_PRICES)]


class PricesIn(_In):
    """A variant's whole schedule of prices; where several of a currency hold, the one that began last counts."""

    prices: Schedule


class VariantFields(_In):
    """What a variant is, besides its SKU."""

    name: VariantName = ""
    weight_grams: Grams
    tax_class: TaxClass = TaxClass.STANDARD
    attributes: Attributes = {}

    def to_spec(self, sku: str) -> Spec:
        """Return what the variant of this SKU is."""
        return Spec(sku, self.name, self.weight_grams, self.tax_class, self.attributes)


class VariantPut(VariantFields):
    """What a variant is to be. Without ``prices`` it keeps those it has."""

    prices: Schedule | None = None


class VariantIn(VariantFields):
    """A variant of a new product."""

    sku: Sku
    prices: Schedule = []


class ImageIn(_In):
    """A picture, by its address."""

    url: ImageUrl
    alt: VariantName = ""


Categories = Annotated[list[Slug], Field(max_length=_MAX_CATEGORIES)]
Images = Annotated[list[ImageIn], Field(max_length=_MAX_IMAGES)]


class ProductIn(_In):
    """A new product, as a draft."""

    slug: Slug
    name: Line
    description: Prose = ""
    categories: Categories = []
    attributes: Attributes = {}
    images: Images = []
    variants: Annotated[list[VariantIn], Field(max_length=MAX_VARIANTS)] = []

    def to_details(self) -> Details:
        """Return how it is shown."""
        return merged(Details(self.slug, self.name), self.model_dump(exclude={"slug", "name", "variants"}))

    def to_variants(self, now: datetime) -> list[tuple[Spec, list[Price]]]:
        """Return its variants and their prices."""
        return [(each.to_spec(each.sku), [price.to_price(now) for price in each.prices]) for each in self.variants]


class ProductPatch(_In):
    """A JSON merge patch (RFC 7396): an absent field stays, ``null`` empties it; attributes are merged by name."""

    slug: Slug = ""
    name: Line = ""
    description: Prose | None = None
    categories: Categories | None = None
    attributes: Annotated[dict[AttributeName, AttributeValue | None], Field(max_length=60)] | None = None
    images: Images | None = None

    def to_patch(self) -> dict[str, Any]:
        """Return what was given."""
        return self.model_dump(exclude_unset=True)


class ImageOut(_Out):
    """A picture, by its address; ``alt`` says what it shows."""

    url: str
    alt: str


class VariantOut(_Out):
    """A variant and what it costs now, in each currency it is sold in."""

    sku: str
    name: str
    weight_grams: int
    tax_class: TaxClass
    attributes: Mapping[str, str]
    prices: list[MoneyField]

    @classmethod
    def at(cls, variant: VariantView, now: datetime) -> "VariantOut":
        """Show what holds at an instant."""
        prices = [MoneyField.of(each) for each in prices_at(variant.prices, now)]
        return cls.model_validate({**variant._asdict(), "prices": prices})


class ProductOut(_Out):
    """A product that is sold."""

    id: UUID
    slug: str
    name: str
    description: str
    categories: Sequence[str]
    attributes: Mapping[str, str]
    images: list[ImageOut]
    published_at: datetime | None
    changed_at: datetime
    variants: list[VariantOut]

    @classmethod
    def at(cls, product: ProductView, now: datetime) -> "ProductOut":
        """Show what holds at an instant."""
        variants = [VariantOut.at(each, now) for each in product.variants]
        return cls.model_validate({**product._asdict(), "variants": variants})


class PriceOut(_Out):
    """A price of a schedule."""

    price: Annotated[MoneyField, Field(validation_alias=AliasChoices("price", "money"))]
    valid_from: datetime
    valid_until: datetime | None


class VariantRecordOut(_Out):
    """A variant with its whole schedule of prices."""

    sku: str
    name: str
    weight_grams: int
    tax_class: TaxClass
    attributes: Mapping[str, str]
    prices: list[PriceOut]


class ProductRecordOut(_Out):
    """A product as staff sees it, published or not; its ``ETag`` is what edits name."""

    id: UUID
    status: Status
    slug: str
    name: str
    description: str
    categories: Sequence[str]
    attributes: Mapping[str, str]
    images: list[ImageOut]
    created_at: datetime
    changed_at: datetime
    published_at: datetime | None
    variants: list[VariantRecordOut]


class SkuOut(_Out):
    """A variant that can be sold, and what an order needs to know of it."""

    sku: str
    product_id: UUID
    name: str = Field(description="The product's and the variant's.")
    price: MoneyField
    weight_grams: int
    tax_class: TaxClass
    categories: Sequence[str]
    image_url: str | None


class MissingSkuOut(_Out):
    """A SKU that cannot be sold now, and why."""

    sku: str
    reason: Reason


class QuoteOut(_Out):
    """Each SKU of the question once, in its order: among ``items``, or among ``missing``."""

    currency: str
    as_of: datetime
    items: list[SkuOut]
    missing: list[MissingSkuOut]


class ProductSummaryOut(_Out):
    """A product in a list."""

    id: UUID
    slug: str
    name: str
    categories: Sequence[str]
    attributes: Mapping[str, str]
    image: ImageOut | None
    price: MoneyField | None = Field(description="The least of its variants', now; only with a currency.")
    published_at: datetime


class FacetOut(_Out):
    """A value, and how many of the products have it."""

    value: str
    count: int


class FacetsOut(_Out):
    """What all the products of a list have, not only those of the page; the most frequent first."""

    total: int
    categories: list[FacetOut]
    attributes: dict[str, list[FacetOut]]

    @classmethod
    def of(cls, facets: Facets) -> "FacetsOut":
        """Show what was counted."""
        return cls(
            total=facets.total,
            categories=_counted(facets.categories),
            attributes={name: _counted(values) for name, values in facets.attributes.items()},
        )


def _counted(values: Sequence[tuple[str, int]]) -> list[FacetOut]:
    return [FacetOut(value=value, count=count) for value, count in values]


class ProductPage(Page[ProductSummaryOut]):
    """A page of products, and how they were found."""

    matching: Matching = Field(description="`similar`: nothing has the words, so these have similar ones.")
    facets: FacetsOut | None


class CategoryIn(_In):
    """A new category; within another one, or at the top."""

    slug: Slug
    name: Line
    parent: Slug | None = None


class CategoryPatch(_In):
    """A JSON merge patch (RFC 7396); `parent: null` moves it to the top."""

    name: Line = ""
    parent: Slug | None = None


class CategoryOut(_Out):
    """A category."""

    slug: str
    name: str
    parent: str | None


class CategoryTreeOut(CategoryOut):
    """A category, those it lies in from the top down, and those that lie in it."""

    above: list[CategoryOut]
    below: list[CategoryOut]

    @classmethod
    def of(cls, tree: CategoryTree) -> "CategoryTreeOut":
        """Show a category and what is around it."""
        return cls.model_validate({**tree.category._asdict(), "above": tree.above, "below": tree.below})


class ImportIn(_In):
    """An import to begin; the name is for people."""

    name: Line = "import"


class ImportOut(_Out):
    """How far an import is: `lines` is the number of the last line that is done with."""

    id: UUID
    name: str
    started_at: datetime
    finished_at: datetime | None
    lines: int
    created: int
    changed: int
    unchanged: int
    refused: int


class ImportLineOut(_Out):
    """What became of a line; `code` and `detail` say why it was refused."""

    line: int
    outcome: Outcome
    slug: str | None
    code: str | None
    detail: str | None
