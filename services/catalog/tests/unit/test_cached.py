"""What everybody reads, kept for a moment: never a draft, and nothing that was changed here."""

from typing import Any
from uuid import UUID

import pytest

from catalog.data.cached import CachedProducts
from catalog.domain.products import Product
from catalog.domain.views import ProductView

pytestmark = pytest.mark.anyio


class FakeDirectory:
    """One product, and how often it was read."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.reads = 0

    async def find(self, product_id: UUID) -> ProductView | None:
        self.reads += 1
        return ProductView.of(self.product) if product_id == self.product.id else None

    async def find_by_slug(self, slug: str) -> ProductView | None:
        self.reads += 1
        return ProductView.of(self.product) if slug == self.product.slug else None


class FakeSession:
    """A session that has saved what it is said to have saved."""

    def __init__(self, *saved: UUID) -> None:
        self.info = {"changed products": set(saved)} if saved else {}


@pytest.fixture
def directory(shirt: Product) -> FakeDirectory:
    return FakeDirectory(shirt)


@pytest.fixture
def cached(directory: FakeDirectory) -> CachedProducts:
    given: Any = directory
    return CachedProducts(given)


async def test_published_product_is_read_once(cached: CachedProducts, directory: FakeDirectory, shirt: Product) -> None:
    shirt.publish(shirt.created_at)
    found = [await cached.find_by_slug(shirt.slug) for _ in range(3)]
    assert {each and each.id for each in found} == {shirt.id}
    assert directory.reads == 1


async def test_draft_is_not_kept(cached: CachedProducts, shirt: Product) -> None:
    assert await cached.find(shirt.id) is None
    shirt.publish(shirt.created_at)
    assert await cached.find(shirt.id) is not None


async def test_change_counts_at_once_by_id_and_by_slug(cached: CachedProducts, shirt: Product) -> None:
    shirt.publish(shirt.created_at)
    await cached.find(shirt.id)
    await cached.find_by_slug(shirt.slug)
    shirt.archive(shirt.created_at)
    session: Any = FakeSession()
    cached.forget(session)
    assert await cached.find(shirt.id) is not None
    session = FakeSession(shirt.id)
    cached.forget(session)
    assert (await cached.find(shirt.id), await cached.find_by_slug(shirt.slug)) == (None, None)
