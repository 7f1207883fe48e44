"""What tests kill: one process of a service called ``shop``. Run as ``processes.py ROLE DATABASE_URL [BROKER_URL]``.

Roles: ``relay`` publishes the outbox; ``mortal-relay`` too, and is killed when its third batch is published and not yet
marked; ``holder`` takes a schedule called ``daily`` and hangs in its job.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from pydantic import SecretStr

from chassis import logs
from chassis.database import Database
from chassis.events import Envelope
from chassis.jobs import Schedule
from chassis.nats_bus import NatsBus
from chassis.outbox import Writer
from chassis.relay import Relay
from chassis.settings import BrokerSettings, DatabaseSettings, LogSettings


class MortalBus(NatsBus):
    """A bus whose process dies at the worst moment."""

    batches = 0

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        await super().publish(envelopes)
        self.batches += 1
        if self.batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)


async def relay(database: Database, bus: NatsBus) -> None:
    async with bus.lifespan():
        await Relay(database, bus, Writer(service="shop"), batch=20).run()


async def holder(database: Database) -> None:
    async def hang() -> None:
        print("holding", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()

    await Schedule(database, "daily", every_seconds=3600, job=hang, lease_seconds=1).run()


if __name__ == "__main__":
    role, url, *brokers = sys.argv[1:]
    logs.configure(LogSettings(level="error"), service="shop", version="0")
    shop = Database(DatabaseSettings(url=SecretStr(url)), service="shop")
    if role == "holder":
        asyncio.run(holder(shop))
    else:
        bus = MortalBus if role == "mortal-relay" else NatsBus
        asyncio.run(relay(shop, bus(BrokerSettings(url=brokers[0]), "shop")))
