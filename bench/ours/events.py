"""The outbox-to-consumer row's own side: a transaction with an outbox row, relay, JetStream, inbox and effect.

Both ends are services as ``main.build`` would make them, with everything that runs beside the requests: relay,
consumer, retries, clean-up jobs, metrics, and a log line per event.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar
from uuid import UUID

from bench.processes import ROOT
from sqlalchemy import Column, MetaData, Table, Text, Uuid, insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import logs
from chassis.app import Service
from chassis.database import Database
from chassis.events import Envelope, EventData, Message
from chassis.outbox import record
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings
from chassis.tables import chassis_metadata

effects_metadata = MetaData()
effects = Table(
    "effects",
    effects_metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("data", Text, nullable=False),
)
_insert_effect = insert(effects)


class Settings(ServiceSettings):
    """What both ends need."""

    database: DatabaseSettings
    broker: BrokerSettings


class ThingHappened(EventData):
    """``at`` is the reading of ``time.monotonic()`` when it happened."""

    name: ClassVar[str] = "thing-happened"

    at: float
    text: str


@asynccontextmanager
async def producing(settings: Settings) -> AsyncIterator[Callable[[UUID, float, str], Awaitable[None]]]:
    """Lend a function that stores one event, and publish what is stored."""
    service, database = await _service("teller", settings)

    async def write(subject: UUID, at: float, text: str) -> None:
        async with database.transaction() as session:
            record(session, Message(ThingHappened(at=at, text=text), subject=str(subject), sequence=1))

    await service.run_preparations()
    async with service.resources(), service.background.running():
        yield write


@asynccontextmanager
async def consuming(settings: Settings, done: Callable[[float], None]) -> AsyncIterator[None]:
    """Store the effect of each event, and call ``done`` with its ``at`` once that is committed."""
    service, database = await _service("hearer", settings)

    async def keep(session: AsyncSession, envelope: Envelope) -> None:
        session.info["at"] = envelope.data["at"]
        await session.execute(_insert_effect, {"event_id": envelope.id, "data": envelope.data["text"]})

    def committed(session: AsyncSession) -> None:
        if "at" in session.info:
            done(session.info["at"])

    database.after_commit.append(committed)
    service.consume("things", keep)
    async with service.resources(), service.background.running():
        yield


async def _service(name: str, settings: Settings) -> tuple[Service, Database]:
    service = Service(settings, name=name, folder=ROOT / "bench" / "ours" / name)
    logs.configure(settings.log, service=name, version=service.version)
    database = service.use_database(settings.database)
    service.use_broker(settings.broker)
    async with database.engine.begin() as connection:
        await connection.run_sync(chassis_metadata.create_all)
        await connection.run_sync(effects_metadata.create_all)
    return service, database
