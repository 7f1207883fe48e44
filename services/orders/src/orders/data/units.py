"""Carts, orders and sagas in PostgreSQL, to be changed within a unit of work."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from orders.data import mapping  # noqa: F401 - classes have to be mapped before they are loaded
from orders.data.coupons import SqlCouponRepository
from orders.data.tables import carts, orders, sagas
from orders.domain.carts import Cart, CartNotFoundError
from orders.domain.orders import Order, OrderNotFoundError
from orders.domain.sagas import Saga, SagaNotFoundError

_now = func.clock_timestamp()

WORK = "work"
"""What a session's ``info`` holds once it has given the workers something to do."""


class SqlCartRepository:
    """The ``CartRepository`` of one session. A cart's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, cart: Cart) -> None:
        """Keep a new cart."""
        self._session.add(cart)

    async def get(self, cart_id: UUID) -> Cart:
        """Return the cart, locked; see the port."""
        cart = await self.find(cart_id)
        if cart is None:
            raise CartNotFoundError(cart_id=str(cart_id))
        return cart

    async def find(self, cart_id: UUID) -> Cart | None:
        """Return the cart, locked, or None."""
        found = await self._session.scalars(select(Cart).where(carts.c.id == cart_id).with_for_update())
        return found.one_or_none()

    async def get_or_add_of(self, customer_id: UUID, *, currency: str, now: datetime) -> Cart:
        """Return the customer's cart, locked; see the port."""
        own = select(Cart).where(carts.c.customer_id == customer_id).with_for_update()
        if (cart := (await self._session.scalars(own)).one_or_none()) is not None:
            return cart
        new = Cart(currency=currency, now=now, customer_id=customer_id)
        row = {column.name: getattr(new, column.name) for column in carts.c}
        # Waits for whoever does the same at this moment, then loads whichever it is.
        await self._session.execute(insert(carts).values(row).on_conflict_do_nothing())
        return (await self._session.scalars(own)).one()


class SqlOrderRepository:
    """The ``OrderRepository`` of one session; an order's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, order: Order) -> None:
        """Keep a new order; at once, because a saga's row refers to it."""
        self._session.add(order)
        await self._session.flush()

    async def get(self, order_id: UUID) -> Order:
        """Return the order, locked; see the port."""
        found = await self._session.scalars(select(Order).where(orders.c.id == order_id).with_for_update())
        order = found.one_or_none()
        if order is None:
            raise OrderNotFoundError(order_id=str(order_id))
        return order


class SqlSagaRepository:
    """The ``SagaRepository`` of one session; a saga's row stays locked until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, saga: Saga) -> None:
        """Keep a new saga."""
        self._session.add(saga)
        self._session.info[WORK] = True

    async def find_due(self) -> tuple[Saga, datetime] | None:
        """Return the saga that has been due for longest, locked; those that others are claiming are passed over."""
        free = or_(sagas.c.leased_until.is_(None), sagas.c.leased_until <= _now)
        due = select(Saga, _now).where(sagas.c.finished_at.is_(None), sagas.c.next_attempt_at <= _now, free)
        found = await self._session.execute(
            due.order_by(sagas.c.next_attempt_at).limit(1).with_for_update(skip_locked=True)
        )
        row = found.one_or_none()
        return None if row is None else (row[0], row[1])

    async def find_held(self, saga_id: UUID, token: int) -> tuple[Saga, Order, datetime] | None:
        """Return the saga and its order, locked in this order, while nobody has claimed it since; see the port."""
        both = select(Saga, Order, _now).join_from(Saga, Order, sagas.c.order_id == orders.c.id)
        held = both.where(sagas.c.id == saga_id, sagas.c.token == token).with_for_update()
        row = (await self._session.execute(held)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])

    async def get(self, saga_id: UUID) -> Saga:
        """Return the saga, locked; see the port."""
        found = await self._session.scalars(select(Saga).where(sagas.c.id == saga_id).with_for_update())
        saga = found.one_or_none()
        if saga is None:
            raise SagaNotFoundError(saga_id=str(saga_id))
        self._session.info[WORK] = True
        return saga

    async def lock_of(self, order_id: UUID) -> list[Saga]:
        """Return the order's unfinished sagas, locked; see the port."""
        open_ones = select(Saga).where(sagas.c.order_id == order_id, sagas.c.finished_at.is_(None))
        self._session.info[WORK] = True
        return list(await self._session.scalars(open_ones.with_for_update()))


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session, which somebody else opens and commits."""

    def __init__(self, session: AsyncSession) -> None:
        self.carts = SqlCartRepository(session)
        self.orders = SqlOrderRepository(session)
        self.sagas = SqlSagaRepository(session)
        self.coupons = SqlCouponRepository(session)
