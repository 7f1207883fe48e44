"""A stand-in for the payment provider, which is somebody else's: it approves everything and reports it by webhook.

It has no storage and no rules, runs on the load generator's core, and counts for nobody. Each side has one of its own,
because it has to know where that side takes webhooks (``BENCH_WEBHOOK_URL``, ``BENCH_WEBHOOK_SECRET``).
"""

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

URL = os.environ["BENCH_WEBHOOK_URL"]
SECRET = os.environ["BENCH_WEBHOOK_SECRET"].encode()
AFTER_SECONDS = 0.02
"""A provider reports once it has answered."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Hold the client, and what is still to be reported."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        app.state.client, app.state.reports = client, set()
        yield


async def authorise(request: Request) -> Response:
    """Hold an amount."""
    asked = orjson.loads(await request.body())
    return _approved(request, asked, "authorisation", asked["reference"])


async def capture(request: Request) -> Response:
    """Take what is held."""
    asked = orjson.loads(await request.body())
    return _approved(request, asked, "capture", asked["authorisation"])


def _approved(request: Request, asked: dict[str, Any], kind: str, authorisation: str) -> Response:
    now = datetime.now(UTC)
    operation = {
        "reference": asked["reference"],
        "kind": kind,
        "authorisation": authorisation,
        "state": "approved",
        "code": None,
        "provider_reference": str(uuid4()),
        "amount": asked["amount"],
        "settled_at": now,
        "live": True,
    }
    reports = request.app.state.reports
    reports.add(report := asyncio.create_task(_report(request.app.state.client, operation)))
    report.add_done_callback(reports.discard)
    return Response(orjson.dumps(operation), media_type="application/json")


async def _report(client: aiohttp.ClientSession, operation: dict[str, Any]) -> None:
    await asyncio.sleep(AFTER_SECONDS)
    told = {name: operation[name] for name in ("reference", "kind", "state", "code", "provider_reference", "amount")}
    body = orjson.dumps({"id": str(uuid4()), **told, "occurred_at": operation["settled_at"]})
    stamp = int(time.time())
    digest = hmac.new(SECRET, b"%d." % stamp + body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "webhook-signature": f"t={stamp},v1={digest}"}
    async with client.post(URL, data=body, headers=headers) as response:
        response.raise_for_status()


app = Starlette(
    routes=[
        Route("/v1/authorisations", authorise, methods=["POST"]),
        Route("/v1/captures", capture, methods=["POST"]),
    ],
    lifespan=lifespan,
)
