"""What the domain needs from outside; ``data`` and ``clients`` supply it, tests supply fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from chassis.money import Money
from chassis.spans import Span
from orders.domain.addresses import ShippingAddress
from orders.domain.carts import Cart
from orders.domain.coupons import Coupon
from orders.domain.orders import Order, OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.pricing import Product
from orders.domain.sagas import Outcome, Saga
from orders.domain.views import CartView, OpenSagas, OrderView, SagaView

Lines = Sequence[tuple[str, int]]
"""SKUs with their quantities."""


class CartRepository(Protocol):
    """Carts to be changed; each is nobody else's until the unit of work ends."""

    async def add(self, cart: Cart) -> None:
        """Keep a new one."""
        ...

    async def get(self, cart_id: UUID) -> Cart:
        """Return the cart, also one that was merged into another.

        Raises:
            CartNotFoundError: There was never one with this id, or not for a long time.
        """
        ...

    async def find(self, cart_id: UUID) -> Cart | None:
        """Return the cart, or None."""
        ...

    async def get_or_add_of(self, customer_id: UUID, *, currency: str, now: datetime) -> Cart:
        """Return the customer's cart; a new one if there is none. Any number may ask at once."""
        ...


class OrderRepository(Protocol):
    """Orders to be changed; each is nobody else's until the unit of work ends."""

    async def add(self, order: Order) -> None:
        """Keep a new one."""
        ...

    async def get(self, order_id: UUID) -> Order:
        """Return the order.

        Raises:
            OrderNotFoundError: There is none.
        """
        ...


class SagaRepository(Protocol):
    """Sagas to be worked on. Who locks a saga and its order locks the saga first."""

    async def add(self, saga: Saga) -> None:
        """Keep a new one."""
        ...

    async def find_due(self) -> tuple[Saga, datetime] | None:
        """Return one that is due and that nobody works on, and the database's time; or None."""
        ...

    async def find_held(self, saga_id: UUID, token: int) -> tuple[Saga, Order, datetime] | None:
        """Return the saga, its order and the database's time if ``token`` is its last claim, or None: it was lost."""
        ...

    async def get(self, saga_id: UUID) -> Saga:
        """Return the saga.

        Raises:
            SagaNotFoundError: There is none.
        """
        ...

    async def lock_of(self, order_id: UUID) -> list[Saga]:
        """Return what has not finished of an order's sagas."""
        ...


class CouponRepository(Protocol):
    """Coupons to be changed."""

    async def find(self, code: str) -> Coupon | None:
        """Return the coupon, or None."""
        ...

    async def add(self, coupon: Coupon) -> bool:
        """Keep a new one; False if somebody else has made one of this code by now."""
        ...

    async def change(self, coupon: Coupon) -> None:
        """Keep the changed one that was found before."""
        ...

    async def use(self, code: str) -> None:
        """Count an order that was placed with the one that was found before."""
        ...

    async def give_back(self, code: str, used_at: datetime) -> None:
        """Count one order less; a coupon of the same code that was made after ``used_at`` is another one."""
        ...

    async def remove(self, code: str) -> None:
        """Have it no more."""
        ...


class CouponDirectory(Protocol):
    """Coupons to be looked at."""

    async def find(self, code: str) -> Coupon | None:
        """Return the coupon, or None."""
        ...

    async def find_by(self, *, after: tuple[str] | None, limit: int) -> list[Coupon]:
        """Return a page of coupons, by their codes."""
        ...


class UnitOfWork(Protocol):
    """What one request or one turn of a worker changes, all or nothing. Whoever opened it commits it."""

    @property
    def carts(self) -> CartRepository:
        """The carts within this unit of work."""
        ...

    @property
    def orders(self) -> OrderRepository:
        """The orders within this unit of work."""
        ...

    @property
    def coupons(self) -> CouponRepository:
        """The coupons within this unit of work."""
        ...

    @property
    def sagas(self) -> SagaRepository:
        """The sagas within this unit of work."""
        ...


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list; None leaves a criterion out."""

    customer_id: UUID | None = None
    status: OrderStatus | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    only_open: bool = False


After = tuple[UUID] | None
"""The id of the last row of the page before; None for the first page."""


class OrderDirectory(Protocol):
    """Orders to be looked at: what is committed. A page has one row more than ``limit`` if another page follows."""

    async def find(self, order_id: UUID) -> OrderView | None:
        """Return the order, or None."""
        ...

    async def find_by(self, criteria: OrderFilter, *, after: After, limit: int) -> list[OrderView]:
        """Return a page of orders, newest first."""
        ...


class SagaState(StrEnum):
    """Which sagas to list; stuck ones run too."""

    RUNNING = "running"
    STUCK = "stuck"
    FINISHED = "finished"


class SagaDirectory(Protocol):
    """Sagas to be looked at."""

    async def find(self, saga_id: UUID) -> SagaView | None:
        """Return the saga, or None."""
        ...

    async def find_by(
        self, state: SagaState | None, *, order_id: UUID | None, after: After, limit: int
    ) -> list[SagaView]:
        """Return a page of sagas, newest first."""
        ...

    async def busy_at(self, instant: datetime, orders: Span[UUID], *, margin: timedelta) -> set[UUID]:
        """Return those of the orders that a saga was at work on at an instant, or within ``margin`` of it."""
        ...

    async def open_ones(self) -> OpenSagas:
        """Count what has not finished."""
        ...


class CartDirectory(Protocol):
    """Carts to be looked at."""

    async def find(self, cart_id: UUID) -> CartView | None:
        """Return the cart, or None; not one that was merged into another."""
        ...

    async def find_of(self, customer_id: UUID) -> CartView | None:
        """Return the customer's cart, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What catalog sells now of what it was asked for; ``missing`` has the reason by SKU."""

    products: Sequence[Product]
    missing: Mapping[str, str]


class Catalog(Protocol):
    """Where prices come from."""

    async def offer(self, skus: Sequence[str], currency: str) -> Offer:
        """Return what these cost now.

        Raises:
            UnavailableError: Catalog is away.
        """
        ...


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """What a checkout needs to know of a customer."""

    tier: str
    addresses: Mapping[UUID, ShippingAddress]
    payment_methods: Mapping[UUID, PaymentMethod]


class Customers(Protocol):
    """Who knows the customers."""

    async def file(self, customer_id: UUID) -> CustomerFile:
        """Return what is known; of somebody who has only just registered, that is nothing yet.

        Raises:
            UnavailableError: Customers is away.
        """
        ...


class Inventory(Protocol):
    """Who holds the stock. Every call may be repeated; none raises for what the peer says or does not say."""

    async def reserve(self, order_id: UUID, lines: Lines) -> Outcome:
        """Hold all of it, or nothing."""
        ...

    async def pin(self, order_id: UUID) -> Outcome:
        """Have the reservation never expire."""
        ...

    async def commit(self, order_id: UUID) -> Outcome:
        """Take it out of the stock."""
        ...

    async def release(self, order_id: UUID) -> Outcome:
        """Hold nothing, and never again for this order."""
        ...

    async def take_back(self, order_id: UUID, return_id: UUID, lines: Lines) -> Outcome:
        """Put committed pieces back into the stock."""
        ...


class Payments(Protocol):
    """Who moves the money; calls are like inventory's."""

    async def authorise(
        self, order_id: UUID, amount: Money, method: PaymentMethod | None, customer_id: UUID
    ) -> Outcome:
        """Have the amount set aside."""
        ...

    async def capture(self, order_id: UUID) -> Outcome:
        """Take what was set aside."""
        ...

    async def void(self, order_id: UUID) -> Outcome:
        """Set nothing aside, and never again for this order."""
        ...

    async def refund(self, order_id: UUID, refund_id: UUID, amount: Money) -> Outcome:
        """Give back some of what was taken."""
        ...
