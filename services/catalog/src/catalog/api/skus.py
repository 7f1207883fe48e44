"""What SKUs cost: asked by whoever sells them, for an order's lines all at once."""

from typing import Annotated

from fastapi import Query

from catalog.api.deps import Directory, Now, Pricing
from catalog.api.fields import Currency, Sku
from catalog.api.schemas import QuoteOut
from catalog.domain.quotes import MAX_SKUS, Quote, quote
from chassis.routing import Router

router = Router(prefix="/v1/skus", tags=["skus"], dependencies=[Pricing])


@router.get("", response_model=QuoteOut)
async def price_skus(
    sku: Annotated[list[Sku], Query(min_length=1, max_length=MAX_SKUS)],
    currency: Currency,
    products: Directory,
    now: Now,
) -> Quote:
    """Return what SKUs cost now in one currency, and what an order needs to know of them."""
    return quote(sku, await products.find_skus(sku), currency, now)
