"""Published products, kept for a moment: most who come look at what many look at.

What is kept is the product with its schedules of prices, not what it costs: that is worked out for each reader, so a
price turns when it should. Drafts are not kept: what is published can be read at once, everywhere.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.data.products import changed_in
from catalog.domain.ports import ProductDirectory
from catalog.domain.products import Status
from catalog.domain.views import ProductView
from chassis.cache import Cache

_SECONDS = 5
"""How old what another replica has changed may be shown here."""

_MOST = 2000


class CachedProducts:
    """The ``PublishedProducts`` of a directory. ``forget`` is to be called after each commit."""

    def __init__(self, directory: ProductDirectory) -> None:
        self._directory = directory
        self._cache: Cache[UUID | str, ProductView] = Cache("products", seconds=_SECONDS, most=_MOST)

    async def find(self, product_id: UUID) -> ProductView | None:
        """Return the product if it is published."""
        return await self._cache.get(product_id, _published(lambda: self._directory.find(product_id)))

    async def find_by_slug(self, slug: str) -> ProductView | None:
        """Return the product if it is published."""
        return await self._cache.get(slug, _published(lambda: self._directory.find_by_slug(slug)))

    def forget(self, session: AsyncSession) -> None:
        """Drop what a session has changed."""
        if changed := changed_in(session):
            self._cache.forget(lambda product: product.id in changed)


def _published(
    find: Callable[[], Awaitable[ProductView | None]],
) -> Callable[[], Awaitable[ProductView | None]]:
    async def found() -> ProductView | None:
        product = await find()
        return product if product is not None and product.status is Status.PUBLISHED else None

    return found
