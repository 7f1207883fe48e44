"""Hears what the shop tells: a consumer whose effect shows if it happens twice, or never."""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.app import Service
from chassis.database import Database
from chassis.events import Envelope
from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings

router = APIRouter()


class Settings(ServiceSettings):
    """What every consumer needs."""

    database: DatabaseSettings
    broker: BrokerSettings


def build(settings: Settings) -> Service:
    """Build the service; nothing is opened yet."""
    service = Service(settings, name="witness")
    service.use_database(settings.database)
    service.use_broker(settings.broker)
    service.consume("everything", write_down)
    service.include(router)
    return service


async def write_down(session: AsyncSession, envelope: Envelope, /) -> None:
    """Write an event down, whether it was written down before or not: that is the inbox's to know."""
    row = "INSERT INTO heard (id, type, subject, data) VALUES (:id, :type, :subject, :data)"
    values = {"id": envelope.id, "type": envelope.type, "subject": envelope.subject}
    await session.execute(text(row), {**values, "data": orjson.dumps(envelope.data).decode()})


@router.get("/heard")
async def heard(request: Request) -> list[dict[str, Any]]:
    """Return everything that was written down."""
    database: Database = request.app.state.database
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT id, type, subject, data FROM heard ORDER BY position"))
        return [{**row._mapping, "data": orjson.loads(row.data)} for row in rows]
