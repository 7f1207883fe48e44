"""The search row's other side: one statement with asyncpg for a page, another for its facets, on the same indexes.

The statement is put together from what is asked for, prepared once per connection, and nothing else is done: no token,
no cursor, no second way for mistyped words, no look whether anything has the words, no transaction.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Request
from pydantic import BaseModel

ORDERS = {"relevance": "rank DESC, id DESC", "newest": "published_at DESC, id DESC", "price": "amount_minor, id"}
ATTRIBUTE = "attr."


class ProductOut(BaseModel):
    """A product that was found."""

    id: str
    slug: str
    name: str
    categories: list[str]
    attributes: dict[str, str]
    image: dict[str, str] | None
    price: int | None


class PageOut(BaseModel):
    """What was found, and how often each facet is among it."""

    items: list[ProductOut]
    facets: dict[str, int] | None


class Statement:
    """A statement and its values."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.conditions = ["status = 'published'"]
        self.tables = "products"

    def given(self, value: object) -> str:
        """Return the placeholder of a value."""
        self.values.append(value)
        return f"${len(self.values)}"


async def nothing_to_reset(_connection: object) -> None:
    """Give a connection back as it is, without asyncpg's round trip."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the pool while the process serves."""
    async with asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=5, max_size=5, reset=nothing_to_reset, server_settings={"jit": "off"}
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/v1/products")
async def find(
    request: Request,
    q: str | None = None,
    category: str | None = None,
    currency: str | None = None,
    price_max: int | None = None,
    sort: str | None = None,
    limit: int = 20,
    *,
    facets: bool = False,
) -> PageOut:
    """Answer with the rows."""
    statement = Statement()
    rank = "0"
    if q:
        query = f"websearch_to_tsquery('english', {statement.given(q)})"
        statement.conditions.append(f"search @@ {query}")
        rank = f"ts_rank(search, {query}, 1)"
    if category:
        statement.conditions.append(f"categories && {statement.given([category])}")
    for name, value in request.query_params.multi_items():
        if name.startswith(ATTRIBUTE):
            facet = f"{name.removeprefix(ATTRIBUTE)}={value}"
            statement.conditions.append(f"facets && {statement.given([facet])}")
    if currency:
        statement.tables += (
            f" JOIN offers ON product_id = id AND currency = {statement.given(currency)}"
            " AND valid_from <= now() AND (valid_until IS NULL OR valid_until > now())"
        )
    if price_max is not None:
        statement.conditions.append(f"amount_minor <= {statement.given(price_max)}")
    chosen = f"FROM {statement.tables} WHERE {' AND '.join(statement.conditions)}"
    price = "amount_minor" if currency else "NULL"
    rows = await app.state.pool.fetch(
        f"SELECT id, slug, name, categories, attributes, images, {price}, {rank} AS rank"
        f" {chosen} ORDER BY {ORDERS[sort or ('relevance' if q else 'newest')]} LIMIT {limit}",
        *statement.values,
    )
    return PageOut(
        items=[_product(row) for row in rows], facets=await _counted(chosen, statement.values) if facets else None
    )


async def _counted(chosen: str, values: list[object]) -> dict[str, int]:
    rows = await app.state.pool.fetch(
        f"SELECT value, count(*) {chosen.replace(' WHERE', ', unnest(categories || facets) AS value WHERE')}"
        " GROUP BY value ORDER BY 2 DESC LIMIT 100",
        *values,
    )
    return {row[0]: row[1] for row in rows}


def _product(row: Any) -> ProductOut:
    images = orjson.loads(row[5])
    return ProductOut(
        id=str(row[0]),
        slug=row[1],
        name=row[2],
        categories=row[3],
        attributes=orjson.loads(row[4]),
        image=images[0] if images else None,
        price=row[6],
    )
