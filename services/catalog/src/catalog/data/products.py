"""Products in PostgreSQL, to be changed within a unit of work."""

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

    async def save(self, product: Product) -> None:
        """Write the product and its offers; see the port."""
        self._session.add(product)
        try:
            await self._session.flush()
        except IntegrityError as error:
            refusal = _REFUSALS.get(violated_constraint(error) or "")
            if refusal is None:
                raise
            raise refusal from error
        await self._session.execute(delete(offers_table).where(offers_table.c.product_id == product.id))
        rows = [
            {
                "product_id": product.id,
                "currency": each.currency,
                "valid_from": each.valid_from,
                "valid_until": each.valid_until,
                "amount_minor": each.amount_minor,
            }
            for each in offers([variant.prices for variant in product.variants], product.changed_at)
        ]
        if rows:
            await self._session.execute(insert(offers_table), rows)


_REFUSALS = {"products_slug": SlugTakenError, "variants_pkey": SkuTakenError}
