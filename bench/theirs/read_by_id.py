"""The read-by-id row's other side: the customer's row by primary key, with asyncpg in a bare FastAPI route.

``BENCH_DATABASE_URL`` (``postgresql://``) names the database that the customers service reads too. The pool prepares
the statement once per connection, and sends no reset when a connection is given back: there is nothing to reset.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

QUERY = "SELECT id, email, name, phone, locale, tier, registered_at FROM customers WHERE id = $1"


class CustomerOut(BaseModel):
    """The customer as the service of ours shows it."""

    id: UUID
    email: str | None
    name: str | None
    phone: str | None
    locale: str | None
    tier: str
    registered_at: datetime | None


async def nothing_to_reset(_connection: object) -> None:
    """Give a connection back as it is, without asyncpg's round trip."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the pool while the process serves."""
    async with asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=5, max_size=5, reset=nothing_to_reset
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/v1/customers/{customer_id}")
async def read_customer(customer_id: UUID) -> CustomerOut:
    """Answer with the row."""
    row = await app.state.pool.fetchrow(QUERY, customer_id)
    if row is None:
        raise HTTPException(404)
    return CustomerOut(**row)
