"""A process dies by `kill -9` between its wish and the provider, or between the provider and the outcome."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from chassis.settings import DatabaseSettings
from payments.main import ProviderSettings
from services.payments.tests.integration.conftest import Orders

pytestmark = pytest.mark.anyio


async def die(orders: Orders, step: str, where: str, *, database: DatabaseSettings, provider: ProviderSettings) -> None:
    secrets = {"api_key": provider.api_key, "webhook_secret": provider.webhook_secret}
    shown = provider.model_dump() | {name: each.get_secret_value() for name, each in secrets.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("dying.py")),
        str(orders.order_id),
        step,
        where,
        env={
            **os.environ,
            "TEST_DATABASE": database.url.get_secret_value(),
            "TEST_PROVIDER": json.dumps(shown),
        },
    )
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("where", ["before", "after"])
async def test_authorisation_outlives_who_asked_for_it(
    orders: Orders,
    provider: AsyncClient,
    shared_database: DatabaseSettings,
    provider_settings: ProviderSettings,
    where: str,
) -> None:
    await die(orders, "authorise", where, database=shared_database, provider=provider_settings)
    there = await provider.get(f"/v1/operations/{orders.order_id}-authorise")
    assert there.status_code == (404 if where == "before" else 200)
    settled = await orders.insist(orders.authorise)
    assert settled.json()["state"] == "authorised"
    assert await orders.bookings() == ["held"]


@pytest.mark.parametrize("where", ["before", "after"])
async def test_capture_outlives_who_asked_for_it(
    orders: Orders,
    provider: AsyncClient,
    shared_database: DatabaseSettings,
    provider_settings: ProviderSettings,
    where: str,
) -> None:
    await orders.insist(orders.authorise)
    await die(orders, "capture", where, database=shared_database, provider=provider_settings)
    settled = await orders.insist(orders.capture)
    assert (settled.json()["state"], settled.json()["captured"]["amount"]) == ("captured", 2000)
    assert await orders.bookings() == ["held", "captured"]
    there = await provider.get(f"/v1/operations/{orders.order_id}-capture")
    assert there.json()["state"] == "approved"
