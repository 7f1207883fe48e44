"""What the domain needs from outside; ``data`` supplies it, tests supply fakes."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from catalog.domain.products import Product
from catalog.domain.quotes import SkuView
from catalog.domain.views import ProductView


class ProductRepository(Protocol):
    """Products to be changed: each comes with its variants, and is nobody else's until the unit of work ends."""

    async def get(self, product_id: UUID) -> Product:
        """Return the product, whatever its status.

        Raises:
            ProductNotFoundError: There is none with this id.
        """
        ...

    async def save(self, product: Product) -> None:
        """Keep a product, new or changed, with what lists find it by.

        Raises:
            SlugTakenError: Another product has its slug.
            SkuTakenError: Another product has one of its SKUs.
        """
        ...


class UnitOfWork(Protocol):
    """What one request changes, all or nothing. Whoever opened it commits it."""

    @property
    def products(self) -> ProductRepository:
        """The products within this unit of work."""
        ...


class ProductDirectory(Protocol):
    """Products to be looked at: what is committed."""

    async def find(self, product_id: UUID) -> ProductView | None:
        """Return the product, whatever its status, or None."""
        ...

    async def find_by_slug(self, slug: str) -> ProductView | None:
        """Return the product, whatever its status, or None."""
        ...

    async def find_skus(self, skus: Sequence[str]) -> Mapping[str, SkuView]:
        """Return those of the variants that there are, by their SKU."""
        ...
