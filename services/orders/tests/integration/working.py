"""Working on sagas by hand, and looking at what was told."""

from sqlalchemy import select, text

from chassis.app import Service
from chassis.database import Database
from chassis.tables import outbox
from orders.workers.sagas import SagaWorker


async def told(service: Service, order_id: str) -> list[str]:
    database: Database = service.app.state.database
    async with database.read() as connection:
        found = await connection.execute(
            select(outbox.c.type).where(outbox.c.subject == order_id).order_by(outbox.c.position)
        )
        return [kind.split(".")[2] for (kind,) in found]


async def work(service: Service, worker: SagaWorker) -> None:
    """Work until nothing is left to do, whatever pauses there should be in between."""
    database: Database = service.app.state.database
    for _ in range(30):
        async with database.read() as connection:
            await connection.execute(text("UPDATE sagas SET next_attempt_at = now() WHERE finished_at IS NULL"))
        if not await worker.work_once():
            return
    raise AssertionError("there is no end to it")


async def end_leases(service: Service) -> None:
    """Let the time pass until every lease is over and every pause too."""
    database: Database = service.app.state.database
    async with database.read() as connection:
        await connection.execute(text("UPDATE sagas SET next_attempt_at = now(), leased_until = NULL"))
