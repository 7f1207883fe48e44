"""What can be done with products and categories: fetch, ask, save, return. The caller's unit of work commits it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from catalog.domain.categories import Category, CategoryMisplacedError
from catalog.domain.ports import UnitOfWork
from catalog.domain.prices import Price
from catalog.domain.products import Details, Product, merged
from catalog.domain.variants import Spec
from catalog.domain.views import CategoryView, ProductView
from chassis.clock import Clock

Precondition = Callable[[int], None]
"""Raises if the version that is about to be changed is not the one the caller has seen."""


class ProductService:
    """Changes products. All methods return the product as it is then.

    Whatever changes one raises ``ProductNotFoundError`` where there is none, and what ``unchanged`` raises.
    """

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def create(self, details: Details, variants: Sequence[tuple[Spec, Iterable[Price]]]) -> ProductView:
        """Make a draft.

        Raises:
            SlugTakenError, SkuTakenError: Another product has the slug, or a SKU.
            UnknownCategoryError: It would lie in a category that does not exist.
        """
        await self._uow.categories.ensure(details.categories)
        return await self._saved(Product(details, variants, self._clock.now()))

    async def get(self, product_id: UUID) -> ProductView:
        """Return a product as it stands within the unit of work."""
        return ProductView.of(await self._uow.products.get(product_id))

    async def change(self, product_id: UUID, patch: Mapping[str, Any], unchanged: Precondition) -> ProductView:
        """Show it otherwise; see ``merged``.

        Raises:
            SlugTakenError: Another product has the slug.
            UnknownCategoryError: It would lie in a category that does not exist.
        """
        product = await self._current(product_id, unchanged)
        details = merged(product.details, patch)
        await self._uow.categories.ensure(details.categories)
        product.change(details, self._clock.now())
        return await self._saved(product)

    async def put_variant(
        self, product_id: UUID, spec: Spec, prices: Iterable[Price] | None, unchanged: Precondition
    ) -> ProductView:
        """Have a variant that is so; see ``Product.put_variant``.

        Raises:
            SkuTakenError: Another product has the SKU.
        """
        product = await self._current(product_id, unchanged)
        product.put_variant(spec, prices, self._clock.now())
        return await self._saved(product)

    async def remove_variant(self, product_id: UUID, sku: str, unchanged: Precondition) -> ProductView:
        """Sell a variant no longer."""
        product = await self._current(product_id, unchanged)
        product.remove_variant(sku, self._clock.now())
        return await self._saved(product)

    async def set_prices(
        self, product_id: UUID, sku: str, prices: Iterable[Price], unchanged: Precondition
    ) -> ProductView:
        """Give a variant another schedule of prices."""
        product = await self._current(product_id, unchanged)
        product.set_prices(sku, prices, self._clock.now())
        return await self._saved(product)

    async def publish(self, product_id: UUID, unchanged: Precondition) -> ProductView:
        """Sell it."""
        product = await self._current(product_id, unchanged)
        product.publish(self._clock.now())
        return await self._saved(product)

    async def archive(self, product_id: UUID, unchanged: Precondition) -> ProductView:
        """Sell it no longer."""
        product = await self._current(product_id, unchanged)
        product.archive(self._clock.now())
        return await self._saved(product)

    async def _current(self, product_id: UUID, unchanged: Precondition) -> Product:
        product = await self._uow.products.get(product_id)
        unchanged(product.version)
        return product

    async def _saved(self, product: Product) -> ProductView:
        await self._uow.products.save(product)
        return ProductView.of(product)


class CategoryService:
    """Changes the tree of categories, one change at a time."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def create(self, slug: str, name: str, parent: str | None) -> CategoryView:
        """Have a new category.

        Raises:
            CategoryExistsError: There is one with this slug.
            CategoryMisplacedError: It would lie in one that does not exist, or too deep.
        """
        await self._uow.categories.lock()
        category = Category(slug, name)
        category.move(parent, await self._above(parent), 1)
        await self._uow.categories.add(category)
        return CategoryView.of(category)

    async def get(self, slug: str) -> CategoryView:
        """Return a category as it stands within the unit of work."""
        return CategoryView.of(await self._uow.categories.get(slug))

    async def change(self, slug: str, patch: Mapping[str, Any], unchanged: Precondition) -> CategoryView:
        """Rename or move it: ``name`` and ``parent``, where they are given.

        Raises:
            CategoryNotFoundError: There is none with this slug.
            CategoryMisplacedError: It cannot lie there.
        """
        await self._uow.categories.lock()
        category = await self._uow.categories.get(slug)
        unchanged(category.version)
        category.rename(patch.get("name", category.name))
        if "parent" in patch:
            above = await self._above(patch["parent"])
            category.move(patch["parent"], above, await self._uow.categories.height(slug))
        return CategoryView.of(category)

    async def remove(self, slug: str) -> None:
        """Have it no longer.

        Raises:
            CategoryNotFoundError: There is none with this slug.
            CategoryInUseError: There is a product or a category in it.
        """
        await self._uow.categories.lock()
        await self._uow.categories.remove(await self._uow.categories.get(slug))

    async def _above(self, parent: str | None) -> list[str]:
        above = [] if parent is None else await self._uow.categories.above(parent)
        if parent is not None and not above:
            raise CategoryMisplacedError("There is no category with the parent's slug.")
        return above
