"""Stock that is held for orders, and leaves."""

from uuid import UUID

from bench.theirs.checkout.resources import resources
from bench.theirs.checkout.schemas import ReservationIn, ReservationOut
from fastapi import FastAPI, HTTPException

RESERVE = """
    WITH wanted AS (
        SELECT * FROM unnest($2::text[], $3::integer[]) AS lines (sku, quantity)
    ), locked AS MATERIALIZED (
        SELECT sku, quantity FROM stock JOIN wanted USING (sku)
        WHERE on_hand - reserved >= quantity
        ORDER BY sku
        FOR NO KEY UPDATE OF stock
    ), complete AS (
        SELECT FROM locked HAVING count(*) = cardinality($2::text[])
    ), held AS (
        UPDATE stock SET reserved = stock.reserved + locked.quantity FROM locked
        WHERE stock.sku = locked.sku AND EXISTS (SELECT FROM complete)
    ), reservation AS (
        INSERT INTO reservations (order_id, state, expires_at)
        SELECT $1, 'held', now() + interval '15 minutes' FROM complete
        RETURNING order_id
    )
    INSERT INTO reservation_lines (order_id, sku, quantity)
    SELECT reservation.order_id, locked.sku, locked.quantity FROM reservation CROSS JOIN locked
"""
PIN = "UPDATE reservations SET state = 'pinned', expires_at = NULL WHERE order_id = $1 AND state = 'held'"
COMMIT = """
    WITH reservation AS (
        UPDATE reservations SET state = 'committed' WHERE order_id = $1 AND state = 'pinned' RETURNING order_id
    ), locked AS MATERIALIZED (
        SELECT lines.sku, lines.quantity, lines.order_id
        FROM reservation JOIN reservation_lines AS lines USING (order_id) JOIN stock USING (sku)
        ORDER BY lines.sku
        FOR NO KEY UPDATE OF stock
    ), sold AS (
        UPDATE stock SET on_hand = stock.on_hand - locked.quantity, reserved = stock.reserved - locked.quantity
        FROM locked WHERE stock.sku = locked.sku
    )
    INSERT INTO adjustments (sku, quantity, order_id) SELECT sku, -quantity, order_id FROM locked
"""
NOTHING = ("INSERT 0 0", "UPDATE 0")

app = FastAPI(lifespan=resources)


@app.put("/v1/reservations/{order_id}", status_code=201)
async def reserve(order_id: UUID, body: ReservationIn) -> ReservationOut:
    """Hold all lines or none."""
    skus, quantities = [line.sku for line in body.lines], [line.quantity for line in body.lines]
    return await _done(order_id, "held", RESERVE, skus, quantities)


@app.put("/v1/reservations/{order_id}/pin")
async def pin(order_id: UUID) -> ReservationOut:
    """Have it never expire."""
    return await _done(order_id, "pinned", PIN)


@app.put("/v1/reservations/{order_id}/commitment")
async def commit(order_id: UUID) -> ReservationOut:
    """Take it out of the stock."""
    return await _done(order_id, "committed", COMMIT)


async def _done(order_id: UUID, state: str, statement: str, *values: object) -> ReservationOut:
    if await app.state.pool.execute(statement, order_id, *values) in NOTHING:
        raise HTTPException(409)
    return ReservationOut(order_id=order_id, state=state)
