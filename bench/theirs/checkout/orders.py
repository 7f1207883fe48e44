"""Orders, from a cart to the end, within one request."""

import asyncio
import os
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from bench.theirs.checkout.resources import ask, resources
from bench.theirs.checkout.schemas import LineOut, Money, OrderIn, OrderOut
from fastapi import FastAPI, Header, HTTPException

from chassis.ids import uuid7

SHIPPING_MINOR = 490
CART = "SELECT customer_id, currency, lines FROM carts WHERE id = $1"
ORDER = """
    WITH emptied AS (
        UPDATE carts SET lines = '{}' WHERE id = $7
    )
    INSERT INTO orders (id, customer_id, status, currency, total_minor, lines, address)
    VALUES ($1, $2, 'confirmed', $3, $4, $5, $6)
"""

CATALOG, CUSTOMERS = os.environ["BENCH_CATALOG_URL"], os.environ["BENCH_CUSTOMERS_URL"]
INVENTORY, PAYMENTS = os.environ["BENCH_INVENTORY_URL"], os.environ["BENCH_PAYMENTS_URL"]

app = FastAPI(lifespan=resources)


@app.post("/v1/orders", status_code=201)
async def place_order(body: OrderIn, customer_id: Annotated[UUID, Header()]) -> OrderOut:
    """Price the cart, reserve, authorise, pin, capture, commit, and keep the order."""
    client, pool = app.state.client, app.state.pool
    cart = await pool.fetchrow(CART, body.cart_id)
    if cart is None or cart[0] != customer_id:
        raise HTTPException(404)
    currency, quantities = cart[1], orjson.loads(cart[2])
    query = urlencode([*(("sku", sku) for sku in quantities), ("currency", currency)])
    prices, _ = await asyncio.gather(
        ask(client, "GET", f"{CATALOG}/v1/skus?{query}"),
        ask(client, "GET", f"{CUSTOMERS}/v1/customers/{customer_id}/checkout"),
    )
    order_id = uuid7()
    lines = [_line(each, quantities[each["sku"]]) for each in prices["items"]]
    total = Money(amount=SHIPPING_MINOR + sum(line.total.amount for line in lines), currency=currency)
    reservation, payment = f"{INVENTORY}/v1/reservations/{order_id}", f"{PAYMENTS}/v1/payments/{order_id}"
    await ask(client, "PUT", reservation, {"lines": [{"sku": each.sku, "quantity": each.quantity} for each in lines]})
    await ask(
        client,
        "PUT",
        payment,
        {"amount": total.model_dump(), "method": body.payment.model_dump(), "customer_id": str(customer_id)},
    )
    await ask(client, "PUT", f"{reservation}/pin")
    await ask(client, "PUT", f"{payment}/capture")
    await ask(client, "PUT", f"{reservation}/commitment")
    order = OrderOut(
        id=order_id,
        status="confirmed",
        lines=lines,
        shipping=Money(amount=SHIPPING_MINOR, currency=currency),
        total=total,
    )
    await pool.execute(
        ORDER,
        order_id,
        customer_id,
        currency,
        total.amount,
        orjson.dumps([line.model_dump() for line in lines]).decode(),
        body.shipping_address.model_dump_json(),
        body.cart_id,
    )
    return order


def _line(sku: dict[str, Any], quantity: int) -> LineOut:
    price = Money(**sku["price"])
    return LineOut(
        sku=sku["sku"],
        name=sku["name"],
        quantity=quantity,
        unit_price=price,
        total=Money(amount=price.amount * quantity, currency=price.currency),
    )
