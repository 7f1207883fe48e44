"""What the domain needs from outside; ``data`` supplies it, tests supply fakes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from catalog.domain.categories import Category
from catalog.domain.imports import Import, Outcome, Report
from catalog.domain.listing import Facets, Found, Matching, Wanted
from catalog.domain.products import Product, Status
from catalog.domain.quotes import SkuView
from catalog.domain.views import CategoryTree, CategoryView, ProductView


class ProductRepository(Protocol):
    """Products to be changed: each comes with its variants, and is nobody else's until the unit of work ends."""

    async def get(self, product_id: UUID) -> Product:
        """Return the product, whatever its status.

        Raises:
            ProductNotFoundError: There is none with this id.
        """
        ...

    async def find_by_slugs(self, slugs: Sequence[str]) -> list[Product]:
        """Return those of the products that there are, whatever their status."""
        ...

    async def save(self, *changed: Product) -> None:
        """Keep products, new or changed, with what lists find them by.

        Raises:
            SlugTakenError: Another product has one's slug.
            SkuTakenError: Another product has one of the SKUs.
        """
        ...


class CategoryRepository(Protocol):
    """Categories to be changed. Whoever asks for the tree has it alone until the unit of work ends."""

    async def lock(self) -> None:
        """Have the tree alone; before anything in it is changed."""
        ...

    async def get(self, slug: str) -> Category:
        """Return a category.

        Raises:
            CategoryNotFoundError: There is none with this slug.
        """
        ...

    async def add(self, category: Category) -> None:
        """Keep a new one.

        Raises:
            CategoryExistsError: There is one with this slug.
        """
        ...

    async def above(self, slug: str) -> list[str]:
        """Return a category's slug and those of all it lies in, from the top down; nothing where there is none."""
        ...

    async def height(self, slug: str) -> int:
        """Return how many categories lie in one another from this one down, itself included."""
        ...

    async def remove(self, category: Category) -> None:
        """Take one out of the tree.

        Raises:
            CategoryInUseError: There is a product or a category in it.
        """
        ...

    async def known(self, slugs: Sequence[str]) -> frozenset[str]:
        """Return those of the categories that there are, and keep them from being removed until the unit ends."""
        ...

    async def ensure(self, slugs: Sequence[str]) -> None:
        """Keep categories from being removed until the unit of work ends.

        Raises:
            UnknownCategoryError: One does not exist.
        """
        ...


class ImportRepository(Protocol):
    """Imports and their reports. An import is nobody else's until the unit of work ends."""

    async def add(self, started: Import) -> None:
        """Keep a new one."""
        ...

    async def get(self, import_id: UUID) -> Import:
        """Return the import.

        Raises:
            ImportNotFoundError: There is none with this id.
        """
        ...

    async def report(self, import_id: UUID, reports: Sequence[Report]) -> None:
        """Keep what became of lines."""
        ...


class UnitOfWork(Protocol):
    """What one request changes, all or nothing. Whoever opened it commits it."""

    @property
    def products(self) -> ProductRepository:
        """The products within this unit of work."""
        ...

    @property
    def categories(self) -> CategoryRepository:
        """The categories within this unit of work."""
        ...

    @property
    def imports(self) -> ImportRepository:
        """The imports within this unit of work."""
        ...


class ProductDirectory(Protocol):
    """Products to be looked at, one by one or as staff lists them: what is committed.

    A page has one row more than ``limit`` if another page follows.
    """

    async def find(self, product_id: UUID) -> ProductView | None:
        """Return the product, whatever its status, or None."""
        ...

    async def find_by_slug(self, slug: str) -> ProductView | None:
        """Return the product, whatever its status, or None."""
        ...

    async def find_skus(self, skus: Sequence[str]) -> Mapping[str, SkuView]:
        """Return those of the variants that there are, by their SKU."""
        ...

    async def find_by_status(
        self, status: Status | None, *, after: tuple[UUID] | None, limit: int
    ) -> list[ProductView]:
        """Return a page of products, newest first; of all of them where no status is given."""
        ...

    async def find_columns(self) -> list[str]:
        """Return what products and variants have beside their fields, such as ``attr.<name>``."""
        ...


class PublishedProducts(Protocol):
    """Products as everybody reads them; what somebody else has just changed may come a moment late."""

    async def find(self, product_id: UUID) -> ProductView | None:
        """Return the product if it is published, or None."""
        ...

    async def find_by_slug(self, slug: str) -> ProductView | None:
        """Return the product if it is published, or None."""
        ...


After = tuple[int | str | datetime, UUID] | None
"""The key and the id of the last entry of the page before; None for the first page."""


class ProductListing(Protocol):
    """Published products, as people look for them."""

    async def search(self, wanted: Wanted, now: datetime, *, after: After, limit: int) -> Found:
        """Return a page, one row longer than ``limit`` if another page follows."""
        ...

    async def count(self, wanted: Wanted, now: datetime, matching: Matching) -> Facets:
        """Count all that are wanted, found as the page of them was."""
        ...


class CategoryDirectory(Protocol):
    """Categories to be looked at: what is committed."""

    async def find(self, slug: str) -> CategoryTree | None:
        """Return a category with what it lies in and what lies in it, or None."""
        ...

    async def find_all(self, *, after: tuple[str] | None, limit: int) -> list[CategoryView]:
        """Return a page of categories by their slugs, one row longer than ``limit`` if another page follows."""
        ...


class ImportDirectory(Protocol):
    """What became of imports: what is committed."""

    async def find_lines(
        self, import_id: UUID, outcome: Outcome | None, *, after: tuple[int] | None, limit: int
    ) -> list[Report]:
        """Return a page of an import's lines, one longer than ``limit`` if another page follows."""
        ...
