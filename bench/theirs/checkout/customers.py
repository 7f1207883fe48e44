"""Who a customer is."""

from uuid import UUID

from bench.theirs.checkout.resources import resources
from bench.theirs.checkout.schemas import CustomerOut
from fastapi import FastAPI, HTTPException

app = FastAPI(lifespan=resources)


@app.get("/v1/customers/{customer_id}/checkout")
async def read_customer(customer_id: UUID) -> CustomerOut:
    """Answer with the row."""
    row = await app.state.pool.fetchrow("SELECT id, tier, email FROM customers WHERE id = $1", customer_id)
    if row is None:
        raise HTTPException(404)
    return CustomerOut(id=row[0], tier=row[1], email=row[2])
