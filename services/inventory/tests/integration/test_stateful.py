"""Whatever is done, in whatever order: the service does what a small model does, and what always holds, holds."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from chassis.database import Database
from chassis.errors import ServiceError
from chassis.ids import uuid7
from chassis.outbox import Writer
from chassis.settings import DatabaseSettings
from chassis.testing import FakeClock
from inventory import events
from inventory.data.booking import keep_books
from inventory.data.directory import SqlStockDirectory
from inventory.data.units import SqlUnits
from inventory.domain.events import Pieces
from inventory.domain.ports import StockFilter
from inventory.domain.services import ReservationService, StockService
from inventory.domain.stock import Reason, StockShortError
from inventory.domain.warehouses import Warehouse

EVERYTHING = (
    "stock, adjustments, reservations, reservation_lines, reservation_returns, reservation_transitions, intakes, outbox"
)
SKUS, WAREHOUSES = ("A", "B"), ("main", "east")
ORDERS, RETURNS = range(4), range(2)

orders = st.sampled_from(ORDERS)
quantities = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)


class RefusedError(Exception):
    """What the model says no with: the code of the service's refusal."""


@dataclass
class Order:
    """What the model knows of an order."""

    state: str = ""
    wanted: Counter[str] = field(default_factory=Counter)
    expires_at: datetime | None = None
    returns: dict[int, Counter[str]] = field(default_factory=dict)

    def state_at(self, now: datetime) -> str:
        over = self.state == "held" and self.expires_at is not None and self.expires_at <= now
        return "expired" if over else self.state


class Model:
    """The stock of a shop with one hall, kept in three counters."""

    def __init__(self) -> None:
        self.on_hand: Counter[str] = Counter()
        self.reserved: Counter[str] = Counter()
        self.orders = {number: Order() for number in ORDERS}

    def reserve(self, number: int, wanted: Counter[str], now: datetime, lifetime: timedelta) -> str:
        order = self.orders[number]
        if order.state_at(now) in ("released", "expired"):
            raise RefusedError("reservation-released")
        if order.state:
            if order.wanted != wanted:
                raise RefusedError("reservation-differs")
            return order.state
        if any(self.on_hand[sku] - self.reserved[sku] < quantity for sku, quantity in wanted.items()):
            raise RefusedError("insufficient-stock")
        self.reserved += wanted
        self.orders[number] = Order("held", wanted, now + lifetime)
        return "held"

    def pin(self, number: int, now: datetime) -> str:
        order = self._alive(number, now)
        if order.state == "held":
            order.state = "pinned"
        return order.state

    def commit(self, number: int, now: datetime) -> str:
        order = self._alive(number, now)
        if order.state != "committed":
            order.state = "committed"
            self.on_hand -= order.wanted
            self.reserved -= order.wanted
        return order.state

    def release(self, number: int) -> str:
        order = self.orders[number]
        if order.state == "committed":
            raise RefusedError("reservation-committed")
        if order.state in ("held", "pinned"):
            self.reserved -= order.wanted
        order.state = "released"
        return order.state

    def expire(self, now: datetime) -> int:
        due = [each for each in self.orders.values() if each.state == "held" and each.state_at(now) == "expired"]
        for order in due:
            order.state = "expired"
            self.reserved -= order.wanted
        return len(due)

    def take_back(self, number: int, return_number: int, wanted: Counter[str]) -> str:
        order = self.orders[number]
        if not order.state:
            raise RefusedError("reservation-not-found")
        if known := order.returns.get(return_number):
            if known != wanted:
                raise RefusedError("return-differs")
            return order.state
        if order.state != "committed":
            raise RefusedError("reservation-not-committed")
        if not sum(order.returns.values(), wanted) <= order.wanted:
            raise RefusedError("return-too-large")
        order.returns[return_number] = wanted
        self.on_hand += wanted
        return order.state

    def _alive(self, number: int, now: datetime) -> Order:
        order = self.orders[number]
        if not order.state:
            raise RefusedError("reservation-not-found")
        if order.state_at(now) in ("released", "expired"):
            raise RefusedError("reservation-released")
        return order


class Shop:
    """The service on a real database, for a test that is not asynchronous itself."""

    def __init__(self, database: Database, runner: asyncio.Runner) -> None:
        self.database = database
        self.do = runner.run
        self.directory = SqlStockDirectory(database)

    async def empty(self) -> None:
        async with self.database.transaction() as session:
            await session.execute(text(f"TRUNCATE {EVERYTHING}"))
        async with SqlUnits(self.database)() as uow:
            await uow.warehouses.put(Warehouse("east", "East", 50))


class Machine(RuleBasedStateMachine):
    """Does the same to the service and to the model."""

    def __init__(self, shop: Shop, broken: Callable[[], Awaitable[list[object]]]) -> None:
        super().__init__()
        self.shop = shop
        self.broken = broken

    @initialize()
    def begin(self) -> None:
        self.shop.do(self.shop.empty())
        self.model = Model()
        self.clock = FakeClock()
        self.units = SqlUnits(self.shop.database)
        self.service = ReservationService(self.units, self.clock)
        self.orders = {number: uuid7() for number in ORDERS}
        self.returns = {number: uuid4() for number in RETURNS}

    def same(self, model: Callable[[], str], service: Any) -> None:
        """See the service answer what the model does."""

        async def answer() -> str:
            try:
                found = await service
            except ServiceError as error:
                return error.code
            return str(getattr(found, "reservation", found).state)

        try:
            expected = model()
        except RefusedError as refusal:
            expected = str(refusal)
        assert self.shop.do(answer()) == expected

    @rule(sku=st.sampled_from(SKUS), warehouse=st.sampled_from(WAREHOUSES), quantity=st.integers(1, 6))
    def receive(self, sku: str, warehouse: str, quantity: int) -> None:
        self.shop.do(self.adjust(Pieces(sku, warehouse, quantity), Reason.RECEIVED))
        self.model.on_hand[sku] += quantity

    @rule(sku=st.sampled_from(SKUS), warehouse=st.sampled_from(WAREHOUSES), quantity=st.integers(1, 6))
    def lose(self, sku: str, warehouse: str, quantity: int) -> None:
        wanted = StockFilter(sku, warehouse)
        rows = self.shop.do(self.shop.directory.find_stock(wanted, after=None, limit=1))
        free = sum(row.on_hand - row.reserved for row in rows)
        lost = Pieces(sku, warehouse, -quantity)
        if free < quantity:
            with pytest.raises(StockShortError):
                self.shop.do(self.adjust(lost, Reason.LOST))
            return
        self.shop.do(self.adjust(lost, Reason.LOST))
        self.model.on_hand[sku] -= quantity

    async def adjust(self, pieces: Pieces, reason: Reason) -> None:
        async with self.units() as uow:
            await StockService(uow, self.clock).adjust(pieces, reason, note=None, actor="staff")

    @rule(number=orders, wanted=quantities, minutes=st.integers(1, 5))
    def reserve(self, number: int, wanted: dict[str, int], minutes: int) -> None:
        lifetime = timedelta(minutes=minutes)
        self.same(
            lambda: self.model.reserve(number, Counter(wanted), self.clock.now(), lifetime),
            self.service.reserve(self.orders[number], wanted, lifetime),
        )

    @rule(number=orders)
    def pin(self, number: int) -> None:
        self.same(lambda: self.model.pin(number, self.clock.now()), self.service.pin(self.orders[number]))

    @rule(number=orders)
    def commit(self, number: int) -> None:
        self.same(lambda: self.model.commit(number, self.clock.now()), self.service.commit(self.orders[number]))

    @rule(number=orders)
    def release(self, number: int) -> None:
        self.same(lambda: self.model.release(number), self.service.release(self.orders[number]))

    @rule(number=orders, return_number=st.sampled_from(RETURNS), wanted=quantities)
    def take_back(self, number: int, return_number: int, wanted: dict[str, int]) -> None:
        self.same(
            lambda: self.model.take_back(number, return_number, Counter(wanted)),
            self.service.take_back(self.orders[number], self.returns[return_number], wanted),
        )

    @rule(minutes=st.integers(1, 3))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @rule()
    def expire(self) -> None:
        assert self.shop.do(self.service.expire()) == self.model.expire(self.clock.now())

    @invariant()
    def stock_is_the_models(self) -> None:
        rows = self.shop.do(self.shop.directory.find_stock(StockFilter(), after=None, limit=10))
        on_hand, reserved = Counter[str](), Counter[str]()
        for row in rows:
            on_hand[row.sku] += row.on_hand
            reserved[row.sku] += row.reserved
        assert (on_hand, reserved) == (self.model.on_hand, self.model.reserved)

    @invariant()
    def reservations_stand_where_the_models_do(self) -> None:
        now = self.clock.now()
        for number, order in self.model.orders.items():
            found = self.shop.do(self.shop.directory.find_reservation(self.orders[number]))
            assert (str(found.at(now).state) if found else "") == order.state_at(now)

    @invariant()
    def what_always_holds_holds(self) -> None:
        assert self.shop.do(_run(self.broken)) == []


async def _run(find: Callable[[], Awaitable[list[object]]]) -> list[object]:
    return await find()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def database(database_settings: DatabaseSettings, runner: asyncio.Runner) -> Iterator[Database]:
    writer = Writer(service="inventory", publish=events.publish)
    database = Database(database_settings, service="inventory", before_commit=[writer])
    keep_books(database, writer, FakeClock())
    opened = database.lifespan()
    runner.run(opened.__aenter__())
    yield database
    runner.run(opened.__aexit__(None, None, None))


def test_service_does_what_the_model_does(
    database: Database, runner: asyncio.Runner, unsound: Callable[[], Awaitable[list[object]]]
) -> None:
    run_state_machine_as_test(
        lambda: Machine(Shop(database, runner), unsound),  # type: ignore[arg-type] # anything that makes a machine
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
