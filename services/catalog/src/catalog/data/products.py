"""Products in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.data import mapping  # noqa: F401 - Product has to be mapped before it is loaded
from catalog.data.tables import offers as offers_table
from catalog.data.tables import products
from catalog.domain.offers import offers
from catalog.domain.products import Product, ProductNotFoundError, SlugTakenError
from catalog.domain.variants import SkuTakenError
from chassis.database import violated_constraint


class SqlProductRepository:
    """The ``ProductRepository`` of one session. A product's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, product_id: UUID) -> Product:
        """Return the product, locked; see the port."""
        found = await self._session.scalars(
            select(Product).where(products.c.id == product_id).with_for_update(of=products)
        )
        product = found.one_or_none()
        if product is None:
            raise ProductNotFoundError(product_id=str(product_id))
        return product

    async def find_by_slugs(self, slugs: Sequence[str]) -> list[Product]:
        """Return those there are, locked in the order of their ids so that two imports never wait in a ring."""
        found = await self._session.scalars(
            select(Product).where(products.c.slug.in_(slugs)).order_by(products.c.id).with_for_update(of=products)
        )
        return list(found)

    async def save(self, *changed: Product) -> None:
        """Write the products and their offers; see the port."""
        self._session.add_all(changed)
        try:
            await self._session.flush()
        except IntegrityError as error:
            refusal = _REFUSALS.get(violated_constraint(error) or "")
            if refusal is None:
                raise
            raise refusal from error
        ids = [product.id for product in changed]
        self._session.info.setdefault(_CHANGED, set()).update(ids)
        await self._session.execute(delete(offers_table).where(offers_table.c.product_id.in_(ids)))
        if rows := [row for product in changed for row in _offers(product)]:
            await self._session.execute(insert(offers_table), rows)


def changed_in(session: AsyncSession) -> set[UUID]:
    """Return the ids of the products that a session has saved."""
    found: set[UUID] = session.info.get(_CHANGED, set())
    return found


def _offers(product: Product) -> list[dict[str, Any]]:
    schedules = [variant.prices for variant in product.variants]
    return [{"product_id": product.id, **asdict(each)} for each in offers(schedules, product.changed_at)]


_CHANGED = "changed products"
_REFUSALS = {"products_slug": SlugTakenError, "variants_pkey": SkuTakenError}
