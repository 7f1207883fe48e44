"""Products as rows, read without entities and without a transaction."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, literal, select, union
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from catalog.data.tables import products, variants
from catalog.data.values import to_prices
from catalog.domain.products import Status
from catalog.domain.quotes import SkuView
from catalog.domain.variants import TaxClass
from catalog.domain.views import ProductView, VariantView
from chassis.database import Database
from chassis.keyset import read_page
from chassis.lookups import Lookup

_variants = (
    select(
        func.coalesce(
            func.jsonb_agg(
                aggregate_order_by(
                    func.jsonb_build_array(
                        variants.c.sku,
                        variants.c.name,
                        variants.c.weight_grams,
                        variants.c.tax_class,
                        variants.c.attributes,
                        variants.c.prices,
                    ),
                    variants.c.position,
                ),
                type_=JSONB,
            ),
            func.jsonb_build_array(type_=JSONB),
            type_=JSONB,
        )
    )
    .where(variants.c.product_id == products.c.id)
    .correlate(products)
    .scalar_subquery()
)
_products = select(*(products.c[name] for name in ProductView._fields if name != "variants"), _variants)
_by_id = Lookup(_products.where(products.c.id == bindparam("id")))
_by_slug = Lookup(_products.where(products.c.slug == bindparam("slug")))
_skus = select(
    variants.c.sku,
    variants.c.product_id,
    products.c.status,
    products.c.name,
    variants.c.name,
    variants.c.weight_grams,
    variants.c.tax_class,
    products.c.categories,
    products.c.images,
    variants.c.prices,
).join(products)


class SqlProductDirectory:
    """The ``ProductDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, product_id: UUID) -> ProductView | None:
        """Return the product or None; see the port."""
        row = await _by_id.row(self._database, id=product_id)
        return None if row is None else _product(row)

    async def find_by_slug(self, slug: str) -> ProductView | None:
        """Return the product or None; see the port."""
        row = await _by_slug.row(self._database, slug=slug)
        return None if row is None else _product(row)

    async def find_skus(self, skus: Sequence[str]) -> Mapping[str, SkuView]:
        """Return those of the variants that there are; see the port."""
        async with self._database.read() as connection:
            rows = (await connection.execute(_skus.where(variants.c.sku.in_(skus)))).all()
        return {row[0]: SkuView._make(row) for row in rows}

    async def find_by_status(
        self, status: Status | None, *, after: tuple[UUID] | None, limit: int
    ) -> list[ProductView]:
        """Return a page of products; see the port. The ids of newer ones are greater (UUID version 7)."""
        wanted = _products if status is None else _products.where(products.c.status == status)
        page = read_page(wanted, products.c.id, after=after, limit=limit, descending=True)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [_product(row) for row in rows]

    async def find_columns(self) -> list[str]:
        """Return the names of all attributes and currencies; see the port."""
        price = select(func.jsonb_array_elements(variants.c.prices, type_=JSONB).label("price")).subquery()
        named = union(
            select(literal("attr.") + func.jsonb_object_keys(products.c.attributes)),
            select(literal("variant.") + func.jsonb_object_keys(variants.c.attributes)),
            select(literal("price.") + price.c.price["currency"].astext),
        )
        async with self._database.read() as connection:
            return sorted((await connection.execute(named)).scalars())


def _product(row: Sequence[Any]) -> ProductView:
    return ProductView._make((*row[:-1], [_variant(*each) for each in row[-1]]))


def _variant(sku: str, name: str, weight: int, tax_class: str, attributes: dict[str, str], prices: Any) -> VariantView:
    return VariantView(sku, name, weight, TaxClass(tax_class), attributes, to_prices(prices))
