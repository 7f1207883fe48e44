"""Orders, sagas and carts as rows, read without entities and without a transaction."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select

from chassis.database import Database
from chassis.keyset import read_page, within
from chassis.lookups import Lookup
from chassis.spans import Span
from orders.data.tables import carts, orders, sagas
from orders.domain.orders import CLOSED
from orders.domain.ports import After, OrderFilter, SagaState
from orders.domain.sagas import STUCK_AFTER
from orders.domain.views import CartView, OpenSagas, OrderView, SagaView

_orders = select(*(orders.c[name] for name in OrderView._fields))
_carts = select(*(carts.c[name] for name in CartView._fields)).where(carts.c.merged_into.is_(None))
_order = Lookup(_orders.where(orders.c.id == bindparam("id")))
_cart = Lookup(_carts.where(carts.c.id == bindparam("id")))
_sagas = select(*(sagas.c[name] for name in SagaView._fields))
_saga = Lookup(_sagas.where(sagas.c.id == bindparam("id")))
_IN_STATE = {
    SagaState.RUNNING: sagas.c.finished_at.is_(None),
    SagaState.STUCK: and_(sagas.c.finished_at.is_(None), sagas.c.created_at < func.now() - STUCK_AFTER),
    SagaState.FINISHED: sagas.c.finished_at.is_not(None),
}
_own_cart = Lookup(_carts.where(carts.c.customer_id == bindparam("customer_id")))


class SqlOrderDirectory:
    """The ``OrderDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, order_id: UUID) -> OrderView | None:
        """Return the order or None; see the port."""
        row = await _order.row(self._database, id=order_id)
        return None if row is None else OrderView._make(row)

    async def find_by(self, criteria: OrderFilter, *, after: After, limit: int) -> list[OrderView]:
        """Return a page of orders; see the port. The ids of newer orders are greater (UUID version 7)."""
        matching = _orders.where(*_conditions(criteria))
        page = read_page(matching, orders.c.id, after=after, limit=limit, descending=True)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [OrderView._make(row) for row in rows]


class SqlSagaDirectory:
    """The ``SagaDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, saga_id: UUID) -> SagaView | None:
        """Return the saga or None; see the port."""
        row = await _saga.row(self._database, id=saga_id)
        return None if row is None else SagaView._make(row)

    async def find_by(
        self, state: SagaState | None, *, order_id: UUID | None, after: After, limit: int
    ) -> list[SagaView]:
        """Return a page of sagas; see the port."""
        matching = _sagas if state is None else _sagas.where(_IN_STATE[state])
        if order_id is not None:
            matching = matching.where(sagas.c.order_id == order_id)
        page = read_page(matching, sagas.c.id, after=after, limit=limit, descending=True)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [SagaView._make(row) for row in rows]

    async def busy_at(self, instant: datetime, orders: Span[UUID], *, margin: timedelta) -> set[UUID]:
        """Return the orders that a saga was at work on; see the port."""
        # The database calculates: its years go further than Python's.
        at = literal(instant, sagas.c.created_at.type)
        unfinished = or_(sagas.c.finished_at.is_(None), sagas.c.finished_at >= at - margin)
        those = within(sagas.c.order_id, orders)
        busy = select(sagas.c.order_id).where(those, sagas.c.created_at <= at + margin, unfinished)
        async with self._database.read() as connection:
            return set((await connection.scalars(busy)).all())

    async def open_ones(self) -> OpenSagas:
        """Count what has not finished; see the port."""
        age = func.extract("epoch", func.clock_timestamp() - func.min(sagas.c.created_at))
        stuck = func.count().filter(_IN_STATE[SagaState.STUCK])
        counted = select(func.count(), stuck, func.greatest(func.coalesce(age, 0), 0))
        async with self._database.read() as connection:
            found = await connection.execute(counted.where(sagas.c.finished_at.is_(None)))
            running, ill, seconds = found.one()
        return OpenSagas(running, ill, float(seconds))


class SqlCartDirectory:
    """The ``CartDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, cart_id: UUID) -> CartView | None:
        """Return the cart or None; see the port."""
        row = await _cart.row(self._database, id=cart_id)
        return None if row is None else CartView._make(row)

    async def find_of(self, customer_id: UUID) -> CartView | None:
        """Return the customer's cart or None; see the port."""
        row = await _own_cart.row(self._database, customer_id=customer_id)
        return None if row is None else CartView._make(row)


def _conditions(criteria: OrderFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if criteria.customer_id is not None:
        conditions.append(orders.c.customer_id == criteria.customer_id)
    if criteria.status is not None:
        conditions.append(orders.c.status == criteria.status)
    if criteria.placed_from is not None:
        conditions.append(orders.c.placed_at >= criteria.placed_from)
    if criteria.placed_before is not None:
        conditions.append(orders.c.placed_at < criteria.placed_before)
    if criteria.only_open:
        conditions.append(orders.c.status.not_in(CLOSED))
    return conditions
