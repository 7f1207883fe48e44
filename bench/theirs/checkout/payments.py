"""Money that is held and taken at the provider, and its ledger."""

import hashlib
import hmac
import os
from uuid import UUID

from bench.theirs.checkout.resources import ask, resources
from bench.theirs.checkout.schemas import Money, PaymentIn, PaymentOut, WebhookIn
from fastapi import FastAPI, HTTPException, Request

HOLD = """
    WITH payment AS (
        INSERT INTO payments (order_id, state, amount_minor, currency, provider_reference)
        VALUES ($1, 'authorised', $2, $3, $4)
        RETURNING order_id, amount_minor, currency
    )
    INSERT INTO journal_lines (order_id, booking, account, amount_minor, currency)
    SELECT order_id, 'held', account, sign * amount_minor, currency
    FROM payment CROSS JOIN (VALUES ('held', 1), ('held-contra', -1)) AS plan (account, sign)
"""
CAPTURE = """
    WITH payment AS (
        UPDATE payments SET state = 'captured', provider_reference = $2
        WHERE order_id = $1 AND state = 'authorised'
        RETURNING order_id, amount_minor, currency
    )
    INSERT INTO journal_lines (order_id, booking, account, amount_minor, currency)
    SELECT order_id, 'captured', account, sign * amount_minor, currency
    FROM payment
    CROSS JOIN (VALUES ('held', -1), ('held-contra', 1), ('provider', 1), ('sales', -1)) AS plan (account, sign)
"""
HEAR = "UPDATE payments SET confirmed = true WHERE order_id = $1 AND NOT confirmed"

PROVIDER = os.environ["BENCH_PROVIDER_URL"]
SECRET = os.environ["BENCH_WEBHOOK_SECRET"].encode()

app = FastAPI(lifespan=resources)


@app.put("/v1/payments/{order_id}", status_code=201)
async def authorise(order_id: UUID, body: PaymentIn) -> PaymentOut:
    """Have the provider hold an amount, and note it."""
    amount = body.amount.model_dump()
    held = await ask(
        app.state.client,
        "POST",
        f"{PROVIDER}/v1/authorisations",
        {
            "reference": f"{order_id}-authorise",
            "amount": amount,
            "method": body.method.kind,
            "token": body.method.token,
        },
    )
    await app.state.pool.execute(HOLD, order_id, body.amount.amount, body.amount.currency, held["provider_reference"])
    return PaymentOut(order_id=order_id, state="authorised", amount=body.amount)


@app.put("/v1/payments/{order_id}/capture")
async def capture(order_id: UUID) -> PaymentOut:
    """Have the provider take it, and note it."""
    row = await app.state.pool.fetchrow("SELECT amount_minor, currency FROM payments WHERE order_id = $1", order_id)
    if row is None:
        raise HTTPException(404)
    amount = Money(amount=row[0], currency=row[1])
    taken = await ask(
        app.state.client,
        "POST",
        f"{PROVIDER}/v1/captures",
        {
            "reference": f"{order_id}-capture",
            "authorisation": f"{order_id}-authorise",
            "amount": amount.model_dump(),
        },
    )
    await app.state.pool.execute(CAPTURE, order_id, taken["provider_reference"])
    return PaymentOut(order_id=order_id, state="captured", amount=amount)


@app.post("/v1/provider-webhooks/{provider}", status_code=204)
async def hear(provider: str, body: WebhookIn, request: Request) -> None:  # noqa: ARG001 - in path
    """Take what the provider reports, if it is genuine."""
    stamp, _, shown = request.headers["webhook-signature"].partition(",")
    signed = stamp.removeprefix("t=").encode() + b"." + await request.body()
    if not hmac.compare_digest(hmac.new(SECRET, signed, hashlib.sha256).hexdigest(), shown.removeprefix("v1=")):
        raise HTTPException(401)
    await app.state.pool.execute(HEAR, UUID(body.reference[:36]))
