"""The chassis-route row's other side: one route in bare FastAPI, without token, metrics or log.

The return type is declared, so that FastAPI serialises it in Rust.
"""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel

CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class MoneyOut(BaseModel):
    """An amount in minor units."""

    amount: int
    currency: str


class ItemOut(BaseModel):
    """A small resource: five fields, one of them nested."""

    id: UUID
    name: str
    price: MoneyOut
    tags: list[str]
    created_at: datetime


app = FastAPI()


@app.get("/v1/items/{item_id}")
async def read_item(item_id: UUID) -> ItemOut:
    """Answer with the item; nothing is looked up."""
    return ItemOut(
        id=item_id,
        name="Kettle",
        price=MoneyOut(amount=3999, currency="EUR"),
        tags=["kitchen", "new"],
        created_at=CREATED_AT,
    )
