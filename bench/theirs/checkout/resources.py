"""What every application holds while its process serves: connections to PostgreSQL, and to its peers."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import asyncpg
import orjson
from fastapi import FastAPI

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
CONNECTIONS = 5
"""As many as a service of ours has."""

TABLES = """
CREATE TABLE customers (id uuid PRIMARY KEY, tier text NOT NULL, email text NOT NULL);
CREATE TABLE skus (
    sku text PRIMARY KEY,
    product_id uuid NOT NULL,
    name text NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    weight_grams integer NOT NULL,
    tax_class text NOT NULL
);
CREATE TABLE carts (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL UNIQUE,
    currency text NOT NULL,
    lines jsonb NOT NULL
);
CREATE TABLE orders (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    lines json NOT NULL,
    address json NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_customer_id_id ON orders (customer_id, id);
CREATE TABLE stock (
    sku text PRIMARY KEY,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);
CREATE TABLE reservations (
    order_id uuid PRIMARY KEY,
    state text NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE reservation_lines (
    order_id uuid NOT NULL REFERENCES reservations,
    sku text NOT NULL,
    quantity integer NOT NULL,
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    quantity bigint NOT NULL,
    order_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX adjustments_sku ON adjustments (sku, id);
CREATE TABLE payments (
    order_id uuid PRIMARY KEY,
    state text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    provider_reference text NOT NULL,
    confirmed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE journal_lines (
    order_id uuid NOT NULL REFERENCES payments,
    booking text NOT NULL,
    account text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, booking, account)
);
"""


async def nothing_to_reset(_connection: object) -> None:
    """Give a connection back as it is, without asyncpg's round trip."""


@asynccontextmanager
async def resources(app: FastAPI) -> AsyncIterator[None]:
    """Hold the pool and the client while the process serves."""
    async with (
        asyncpg.create_pool(
            os.environ["BENCH_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, reset=nothing_to_reset
        ) as pool,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        app.state.pool, app.state.client = pool, client
        yield


async def ask(client: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Any:
    """Make one call and return what it says.

    Raises:
        aiohttp.ClientResponseError: It did not work.
    """
    data = None if body is None else orjson.dumps(body)
    async with client.request(method, url, data=data, headers=_JSON, raise_for_status=True) as response:
        return orjson.loads(await response.read())


_JSON = {"content-type": "application/json"}
