"""What tests kill: one process of a service called ``shop``. Run as ``processes.py ROLE DATABASE_URL [BROKER_URL]``.

Roles: ``relay`` publishes the outbox, ``holder`` takes a schedule called ``daily`` and hangs in its job.
"""

import asyncio
import sys

from pydantic import SecretStr

from chassis import logs
from chassis.database import Database
from chassis.jobs import Schedule
from chassis.nats_bus import NatsBus
from chassis.outbox import Writer
from chassis.relay import Relay
from chassis.settings import BrokerSettings, DatabaseSettings, LogSettings


async def relay(database: Database, broker_url: str) -> None:
    bus = NatsBus(BrokerSettings(url=broker_url), "shop")
    async with bus.lifespan():
        await Relay(database, bus, Writer(service="shop"), batch=20).run()


async def holder(database: Database) -> None:
    async def hang() -> None:
        print("holding", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.Event().wait()

    await Schedule(database, "daily", every_seconds=3600, job=hang, lease_seconds=1).run()


if __name__ == "__main__":
    role, url, *more = sys.argv[1:]
    logs.configure(LogSettings(level="error"), service="shop", version="0")
    shop = Database(DatabaseSettings(url=SecretStr(url)), service="shop")
    asyncio.run(relay(shop, *more) if role == "relay" else holder(shop))
