"""Categories in PostgreSQL, to be changed within a unit of work."""

from collections.abc import Sequence

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.data import mapping  # noqa: F401 - Category has to be mapped before it is loaded
from catalog.data.tables import categories, products
from catalog.domain.categories import (
    Category,
    CategoryExistsError,
    CategoryInUseError,
    CategoryNotFoundError,
    UnknownCategoryError,
)
from catalog.domain.views import CategoryView
from chassis.database import lock_key


class SqlCategoryRepository:
    """The ``CategoryRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self) -> None:
        """Have the tree alone; see the port. Two moves at once could make a ring of it."""
        await self._session.execute(select(func.pg_advisory_xact_lock(lock_key("categories"))))

    async def get(self, slug: str) -> Category:
        """Return a category, locked; see the port."""
        found = await self._session.scalars(select(Category).where(categories.c.slug == slug).with_for_update())
        category = found.one_or_none()
        if category is None:
            raise CategoryNotFoundError(slug=slug)
        return category

    async def add(self, category: Category) -> None:
        """Insert the row; see the port."""
        row = {name: getattr(category, name) for name in CategoryView._fields}
        added = await self._session.execute(
            insert(categories).values(row).on_conflict_do_nothing().returning(categories.c.slug)
        )
        if added.one_or_none() is None:
            raise CategoryExistsError(slug=category.slug)

    async def above(self, slug: str) -> list[str]:
        """Return the way down to a category; see the port."""
        own = select(categories.c.slug, categories.c.parent, literal(0).label("steps")).where(categories.c.slug == slug)
        way = own.cte("way", recursive=True)
        parents = select(categories.c.slug, categories.c.parent, way.c.steps + 1)
        way = way.union_all(parents.join(way, categories.c.slug == way.c.parent))
        return list(await self._session.scalars(select(way.c.slug).order_by(way.c.steps.desc())))

    async def height(self, slug: str) -> int:
        """Return how deep the tree is from here; see the port."""
        own = select(categories.c.slug, literal(1).label("steps")).where(categories.c.slug == slug)
        below = own.cte("below", recursive=True)
        children = select(categories.c.slug, below.c.steps + 1)
        below = below.union_all(children.join(below, categories.c.parent == below.c.slug))
        return await self._session.scalar(select(func.max(below.c.steps))) or 0

    async def remove(self, category: Category) -> None:
        """Delete the row; see the port. ``get`` has locked it: who puts a product into it waits, and finds it gone."""
        inside = select(products.c.id).where(products.c.categories.contains([category.slug])).limit(1)
        below = select(categories.c.slug).where(categories.c.parent == category.slug).limit(1)
        if await self._session.scalar(inside) or await self._session.scalar(below):
            raise CategoryInUseError(slug=category.slug)
        await self._session.delete(category)

    async def known(self, slugs: Sequence[str]) -> frozenset[str]:
        """Return those that there are, locked against being removed; see the port."""
        if not slugs:
            return frozenset()
        wanted = select(categories.c.slug).where(categories.c.slug.in_(slugs)).order_by(categories.c.slug)
        return frozenset(await self._session.scalars(wanted.with_for_update(read=True, key_share=True)))

    async def ensure(self, slugs: Sequence[str]) -> None:
        """Refuse what there is not; see the port."""
        found = await self.known(slugs)
        if unknown := [slug for slug in slugs if slug not in found]:
            raise UnknownCategoryError(f"There is no category {unknown[0]}.", categories=unknown)
