"""Workers that are killed (-9) between any two steps: another one brings each order to its right end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chassis.app import Service
from chassis.testing import eventually
from orders.settings import Settings
from orders.workers.sagas import SagaWorker
from services.orders.tests.conftest import Shop
from services.orders.tests.integration.working import end_leases, told, work
from services.orders.tests.peers import Peers

pytestmark = pytest.mark.anyio

MORTAL = Path(__file__).with_name("mortal.py")


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "SERVICE": "orders",
        "ENVIRONMENT": "development",
        "DATABASE__URL": settings.database.url.get_secret_value(),
        "BROKER__URL": settings.broker.url,
        "TOKENS__ISSUER": settings.tokens.issuer,
        "TOKENS__JWKS_URL": settings.tokens.jwks_url,
        "CLIENT__TOKEN_URL": settings.client.token_url,
        "CLIENT__SECRET": settings.client.secret.get_secret_value(),
        **{f"PEERS__{name.upper()}": address for name, address in settings.peers.items()},
    }


def die(settings: Settings, step: str, when: str) -> None:
    """Let a worker process go as far as it lives."""
    died = subprocess.run([sys.executable, MORTAL, step, when], env=environment(settings), timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL


async def test_order_survives_the_death_of_its_worker_at_every_step(
    service: Service,
    settings: Settings,
    worker: SagaWorker,
    shop: Shop,
    placed: Callable[..., Awaitable[str]],
    peers: Peers,
) -> None:
    """After each call and before what came of it is stored; the capture's worker dies before the call too."""
    order_id = await placed()
    for step in ("reserve", "authorise", "pin", "capture", "commit"):
        for when in ("before", "after") if step == "capture" else ("after",):
            await asyncio.to_thread(die, settings, step, when)
            assert (await shop.read(order_id))["status"] != "confirmed"
            await end_leases(service)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("captured", "committed", 997)
    assert peers.payments[order_id].times_captured == 1
    assert await told(service, order_id) == ["order-placed", "order-confirmed"]


async def test_refused_order_survives_the_death_of_its_worker_at_every_step(
    service: Service,
    settings: Settings,
    worker: SagaWorker,
    shop: Shop,
    placed: Callable[..., Awaitable[str]],
    peers: Peers,
) -> None:
    order_id = await placed("tok_capture_refused")
    for step in ("void", "release"):
        await asyncio.to_thread(die, settings, step, "after")
        await end_leases(service)
    await work(service, worker)
    assert (await shop.read(order_id))["status"] == "rejected"
    assert (peers.money(order_id), peers.goods(order_id), peers.stock["MUG"]) == ("none", "none", 1000)
    assert await told(service, order_id) == ["order-placed", "order-rejected"]


async def test_lease_of_the_dead_ends_by_itself(
    settings: Settings,
    worker: SagaWorker,
    shop: Shop,
    placed: Callable[..., Awaitable[str]],
    peers: Peers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHECKOUT__LEASE_SECONDS", "1")
    monkeypatch.setenv("CHECKOUT__CALL_SECONDS", "0.5")
    order_id = await placed()
    await asyncio.to_thread(die, settings, "capture", "after")
    await eventually(worker.work_once)
    assert (await shop.read(order_id))["status"] == "confirmed"
    assert peers.payments[order_id].times_captured == 1
