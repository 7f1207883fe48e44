"""A service called ``shop`` as the tests of messaging see it: its database, its outbox, its stream, its effects."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.bus import Consumer
from chassis.database import Database
from chassis.events import Envelope, EventData, Message
from chassis.manifest import Manifest, Owns
from chassis.memory_bus import MemoryBus
from chassis.nats_bus import NatsBus
from chassis.outbox import Writer, record
from chassis.settings import BrokerSettings, DatabaseSettings
from chassis.tables import chassis_metadata
from chassis.tasks import end

Beside = Callable[..., AbstractAsyncContextManager[None]]
Spawn = Callable[..., subprocess.Popen[bytes]]

OURS = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


class ThingSold(EventData):
    name = "thing-sold"
    number: int


@dataclass
class Heard:
    """A handler of the bus that remembers."""

    envelopes: list[Envelope] = field(default_factory=list)

    async def __call__(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)

    @property
    def numbers(self) -> Counter[int]:
        return Counter(each.data["number"] for each in self.envelopes)

    def has(self, number: int) -> bool:
        return self.numbers[number] > 0


@dataclass
class Shop:
    """What one process of the service has."""

    database: Database
    writer: Writer
    manifest = Manifest(name="shop", summary="Tells.", owns=Owns(stream=True))
    ledger = Consumer(name="ledger", service="shop", types=("tradewind.shop.thing-sold.v1",), concurrency=3)

    @staticmethod
    def message(number: int) -> Message:
        return Message(ThingSold(number=number), subject=f"thing-{number}", sequence=1)

    async def sell(self, *numbers: int) -> None:
        """Tell of ``numbers`` in one transaction."""
        async with self.database.transaction() as session:
            for number in numbers:
                record(session, self.message(number))

    async def sell_quietly(self, number: int, *, words: str = "", age_seconds: float = 0) -> None:
        """Store an event as a process does that dies before it can wake anybody."""
        await self.execute(
            """
            INSERT INTO outbox (id, type, subject, sequence, data, occurred_at)
            VALUES (gen_random_uuid(), 'tradewind.shop.thing-sold.v1', 'thing', 1,
                    jsonb_build_object('number', CAST(:number AS int), 'words', CAST(:words AS text)),
                    now() - make_interval(secs => :age))
            """,
            number=number,
            words=words,
            age=age_seconds,
        )

    async def note(self, session: AsyncSession, envelope: Envelope) -> None:
        """Handle an event: its effect is a row."""
        await session.execute(text("INSERT INTO effects (event_id) VALUES (:id)"), {"id": envelope.id})

    async def execute(self, statement: str, **parameters: Any) -> None:
        async with self.database.read() as connection:
            await connection.execute(text(statement), parameters)

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(text(query), parameters)).all())

    async def count(self, what: str) -> int:
        """Count the rows of a table, and a condition."""
        return int((await self.rows(f"SELECT count(*) FROM {what}"))[0][0])

    async def unsent(self) -> int:
        return await self.count("outbox WHERE sent_at IS NULL")

    async def sent(self) -> int:
        return await self.count("outbox WHERE sent_at IS NOT NULL")

    async def drained(self) -> bool:
        return await self.unsent() == 0

    async def happened(self) -> int:
        """Count the events that had an effect."""
        return int((await self.rows("SELECT count(DISTINCT event_id) FROM effects"))[0][0])

    async def active_relays(self) -> list[int]:
        """Return the sessions that hold a relay's lock."""
        return [row.pid for row in await self.rows(f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND {OURS}")]


class OpenShop:
    """Opens another process's share of the same service."""

    def __init__(self, settings: DatabaseSettings, stack: AsyncExitStack) -> None:
        self.settings = settings
        self._stack = stack

    async def __call__(self, settings: DatabaseSettings | None = None) -> Shop:
        writer = Writer(service="shop")
        database = Database(
            settings or self.settings, service="shop", before_commit=[writer], after_commit=[writer.announce]
        )
        await self._stack.enter_async_context(database.lifespan())
        await self._stack.enter_async_context(writer.bell.lifespan(database))
        return Shop(database, writer)


async def create_tables(shop: Shop) -> None:
    async with shop.database.engine.begin() as connection:
        await connection.run_sync(chassis_metadata.create_all)
        await connection.execute(text("CREATE TABLE effects (event_id uuid NOT NULL)"))


@pytest.fixture
async def open_shop(empty_database: DatabaseSettings) -> AsyncIterator[OpenShop]:
    async with AsyncExitStack() as stack:
        yield OpenShop(empty_database, stack)


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shop:
    shop = await open_shop()
    await create_tables(shop)
    return shop


@pytest.fixture
async def nats_bus(broker_settings: BrokerSettings) -> AsyncIterator[NatsBus]:
    """The shop's connection to a real broker, with its stream."""
    bus = NatsBus(broker_settings, "shop")
    async with bus.lifespan():
        await bus.ensure_stream(Shop.manifest)
        yield bus


@pytest.fixture
async def memory_bus() -> MemoryBus:
    bus = MemoryBus("shop")
    await bus.ensure_stream(Shop.manifest)
    return bus


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def beside() -> Beside:
    """Run coroutines for the length of a block; fail if one of them ends by itself."""

    @asynccontextmanager
    async def run(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            ended = [task.exception() for task in tasks if task.done()]
            await end(*tasks)
            assert ended == [], "A loop ended."

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a process of the shop (see ``processes.py``), to be killed by the test, or at its end."""
    children: list[subprocess.Popen[bytes]] = []

    def start(role: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = Path(__file__).with_name("processes.py")
        child = subprocess.Popen([sys.executable, program, role, *arguments], stdout=subprocess.PIPE)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()
