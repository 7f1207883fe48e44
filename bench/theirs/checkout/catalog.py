"""What SKUs cost."""

from typing import Annotated

from bench.theirs.checkout.resources import resources
from bench.theirs.checkout.schemas import Money, SkuOut, SkusOut
from fastapi import FastAPI, Query

PRICES = """
    SELECT sku, product_id, name, currency, amount_minor, weight_grams, tax_class FROM skus
    WHERE sku = ANY($1) AND currency = $2
"""

app = FastAPI(lifespan=resources)


@app.get("/v1/skus")
async def read_prices(sku: Annotated[list[str], Query()], currency: str) -> SkusOut:
    """Answer with the rows."""
    rows = await app.state.pool.fetch(PRICES, sku, currency)
    items = [
        SkuOut(
            sku=row[0],
            product_id=row[1],
            name=row[2],
            price=Money(amount=row[4], currency=row[3]),
            weight_grams=row[5],
            tax_class=row[6],
        )
        for row in rows
    ]
    return SkusOut(currency=currency, items=items)
