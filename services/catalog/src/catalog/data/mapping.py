"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import registry, relationship

from catalog.data.tables import categories, imports, metadata, products, variants
from catalog.domain.categories import Category
from catalog.domain.imports import Import
from catalog.domain.products import Product
from catalog.domain.variants import Variant

mapper = registry(metadata=metadata)

mapper.map_imperatively(Category, categories)
mapper.map_imperatively(Import, imports)
mapper.map_imperatively(Variant, variants)

mapper.map_imperatively(
    Product,
    products,
    exclude_properties=["search"],
    properties={
        # Few by rule, so they come along; whoever only looks reads rows instead (`directory`).
        "variants": relationship(Variant, lazy="selectin", cascade="all, delete-orphan", order_by=variants.c.position),
    },
)


@event.listens_for(Product, "load")
def _begin_without_events(product: Product, _context: Any) -> None:
    """Give a loaded product its list of events: SQLAlchemy does not call ``__init__``."""
    product.events = []
