"""What can be done with carts, orders and sagas: fetch, ask the entity, return. The caller's unit of work commits."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.money import Money
from orders.domain.carts import Cart
from orders.domain.coupons import Coupon, CouponNotFoundError, Terms
from orders.domain.orders import Order, OrderNotFoundError, OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.ports import Lines, UnitOfWork
from orders.domain.returns import Refund, Return
from orders.domain.sagas import Kind, Outcome, Saga, Step, Verdict
from orders.domain.shipments import Pieces, Shipment
from orders.domain.views import CartView, OrderView, SagaView


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands before a cart: a customer, somebody who knows a secret, or both."""

    customer_id: UUID | None = None
    secret: str | None = field(default=None, repr=False)


class CartService:
    """Changes carts."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def open_anonymous(self, currency: str) -> tuple[CartView, str]:
        """Begin a cart for somebody unknown; also returns its secret, which nobody can find out later."""
        cart = Cart(currency=currency, now=self._clock.now())
        secret = cart.close_with_secret()
        await self._uow.carts.add(cart)
        return CartView.of(cart), secret

    async def open_own(self, customer_id: UUID, currency: str) -> CartView:
        """Return the customer's cart, which has the currency it began with."""
        return CartView.of(await self._own(customer_id, currency))

    async def merge(self, customer_id: UUID, currency: str, other_id: UUID, secret: str) -> CartView:
        """Put an anonymous cart into the customer's.

        Raises:
            CartNotFoundError: There is none with this secret.
            CartFullError: It does not fit.
        """
        own = await self._own(customer_id, currency)
        own.merge(await self._uow.carts.get(other_id), secret, self._clock.now())
        return CartView.of(own)

    async def put(self, cart_id: UUID, visitor: Visitor, sku: str, quantity: int) -> CartView:
        """Have exactly this many of a product in a cart.

        Raises:
            CartNotFoundError: It is not the visitor's.
            CartFullError: It has too many products.
        """
        cart = await self._admitted(cart_id, visitor)
        cart.put(sku, quantity, self._clock.now())
        return CartView.of(cart)

    async def take_out(self, cart_id: UUID, visitor: Visitor, sku: str) -> CartView:
        """Have none of a product in a cart.

        Raises:
            CartNotFoundError: It is not the visitor's.
        """
        cart = await self._admitted(cart_id, visitor)
        cart.take_out(sku, self._clock.now())
        return CartView.of(cart)

    async def redeem(self, cart_id: UUID, visitor: Visitor, code: str | None) -> CartView:
        """Use a coupon with the next order, or none.

        Raises:
            CartNotFoundError: The cart is not the visitor's.
            CouponNotFoundError, CouponNotValidError, CouponUsedUpError: There is no such coupon, or not now.
        """
        cart, now = await self._admitted(cart_id, visitor), self._clock.now()
        if code is not None:
            coupon = await self._uow.coupons.find(code)
            if coupon is None:
                raise CouponNotFoundError(coupon=code)
            coupon.ensure_valid(now)
        cart.redeem(code, now)
        return CartView.of(cart)

    async def _own(self, customer_id: UUID, currency: str) -> Cart:
        return await self._uow.carts.get_or_add_of(customer_id, currency=currency, now=self._clock.now())

    async def _admitted(self, cart_id: UUID, visitor: Visitor) -> Cart:
        cart = await self._uow.carts.get(cart_id)
        cart.admit(visitor.customer_id, visitor.secret)
        return cart


class CouponService:
    """Changes coupons."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def put(self, code: str, terms: Terms, unchanged: Callable[[int], None]) -> Coupon:
        """Make a coupon, or change the one that ``unchanged`` accepts the version of."""
        while (known := await self._uow.coupons.find(code)) is None:
            new = Coupon(code, 1, terms, 0)
            if await self._uow.coupons.add(new):
                return new
        unchanged(known.version)
        changed = Coupon(code, known.version + 1, terms, known.used)
        await self._uow.coupons.change(changed)
        return changed

    async def remove(self, code: str) -> None:
        """Have it no more."""
        await self._uow.coupons.remove(code)


class OrderService:
    """Changes orders on behalf of people."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def cancel(self, order_id: UUID, *, by: str, owner_id: UUID | None, reason: str | None) -> OrderView:
        """Call an order off: raise the flag that a checkout under way reads, or begin to undo a confirmed order.

        Args:
            owner_id: Whose it has to be; None where staff asks.

        Raises:
            OrderNotFoundError: There is none, or it is somebody else's.
            OrderNotCancellableError: It is too late.
        """
        sagas = await self._uow.sagas.lock_of(order_id)
        order = await self._uow.orders.get(order_id)
        if owner_id not in (None, order.customer_id):
            raise OrderNotFoundError(order_id=str(order_id))
        now = self._clock.now()
        if order.request_cancellation(by, reason, now):
            for saga in sagas:
                saga.wake(now)
            if order.status is OrderStatus.CONFIRMED:
                await self._uow.sagas.add(reversal_of(order, now))
        return OrderView.of(order)


class FulfilmentService:
    """Ships, delivers, takes back and refunds."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def ship(self, order_id: UUID, *, carrier: str, tracking_number: str, lines: Pieces, by: str) -> Shipment:
        """Send pieces of an order off; see ``Order.ship``."""
        order = await self._uow.orders.get(order_id)
        return order.ship(carrier, tracking_number, lines, by, self._clock.now())

    async def deliver(self, order_id: UUID, shipment_id: UUID, *, by: str) -> Shipment:
        """Note that a shipment has arrived; see ``Order.deliver``."""
        return (await self._uow.orders.get(order_id)).deliver(shipment_id, by, self._clock.now())

    async def request_return(self, order_id: UUID, *, owner_id: UUID | None, lines: Pieces, reason: str) -> Return:
        """Announce a return; see ``Order.request_return``.

        Raises:
            OrderNotFoundError: There is none, or it is somebody else's.
        """
        order = await self._uow.orders.get(order_id)
        if owner_id not in (None, order.customer_id):
            raise OrderNotFoundError(order_id=str(order_id))
        return order.request_return(lines, reason, self._clock.now())

    async def decide_return(self, order_id: UUID, return_id: UUID, *, accept: bool, restock: bool, by: str) -> Return:
        """Accept a return, and have money and pieces go back; or decline it; see ``Order.decide_return``."""
        order, now = await self._uow.orders.get(order_id), self._clock.now()
        decided = order.decide_return(return_id, accept=accept, restock=restock, by=by, now=now)
        if accept:
            lines = decided.lines if restock else ()
            await self._uow.sagas.add(
                Saga(order.id, Kind.RETURN, now, saga_id=decided.id, amount=decided.amount, lines=lines)
            )
        return decided

    async def refund(self, order_id: UUID, *, amount: Money, reason: str, by: str) -> Refund:
        """Have money go back; see ``Order.refund``."""
        order, now = await self._uow.orders.get(order_id), self._clock.now()
        refund = order.refund(amount, reason, by, now)
        await self._uow.sagas.add(Saga(order.id, Kind.REFUND, now, saga_id=refund.id, amount=amount))
        return refund


class SagaDesk:
    """What staff does with sagas."""

    def __init__(self, uow: UnitOfWork, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    async def retry(self, saga_id: UUID) -> SagaView:
        """Have a saga looked at now.

        Raises:
            SagaNotFoundError, SagaFinishedError: There is nothing to look at.
        """
        saga = await self._uow.sagas.get(saga_id)
        saga.retry(self._clock.now())
        return SagaView.of(saga)

    async def abandon(self, saga_id: UUID, *, by: str, reason: str) -> SagaView:
        """Give a checkout up: undo what was begun, and reject the order.

        Raises:
            SagaNotFoundError: There is none.
            SagaNotAbandonableError: The pivot is behind it.
        """
        saga = await self._uow.sagas.get(saga_id)
        order = await self._uow.orders.get(saga.order_id)
        now = self._clock.now()
        saga.abandon(reason, now)
        order.remark(by, f"The checkout was given up: {reason}", now)
        return SagaView.of(saga)


@dataclass(frozen=True, slots=True)
class Task:
    """One call to be made, with all that it needs. What comes of it counts only with the ``token``."""

    saga_id: UUID
    token: int
    step: Step
    order_id: UUID
    customer_id: UUID
    lines: Lines
    total: Money
    payment: PaymentMethod | None
    traceparent: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of looking at an order's saga: something to do at once, or after a pause, or nothing any more."""

    order_id: UUID
    task: Task | None = None
    pause_seconds: float | None = None
    ending: "Ending | None" = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a saga ended, and how long it took."""

    kind: Kind
    verdict: Verdict
    seconds: float


class SagaService:
    """Hands out the work of sagas and takes in its results. Times are the database's."""

    def __init__(self, uow: UnitOfWork, *, lease: timedelta) -> None:
        self._uow = uow
        self._lease = lease

    async def claim(self) -> Turn | None:
        """Take a due saga; None if there is none."""
        found = await self._uow.sagas.find_due()
        if found is None:
            return None
        saga, now = found
        order = await self._uow.orders.get(saga.order_id)
        saga.claim(now, self._lease)
        return await self._begin(saga, order, now)

    async def settle(self, task: Task, outcome: Outcome) -> Turn | None:
        """Take in what came of a task; None if somebody else has the saga by now, and nothing is changed."""
        found = await self._uow.sagas.find_held(task.saga_id, task.token)
        if found is None:
            return None
        saga, order, now = found
        if saga.settle(order, outcome, now, spread=_spread):
            return await self._begin(saga, order, now)
        return await self._turn(saga, order, now)

    async def give_back(self, task: Task) -> None:
        """Let somebody else have the saga at once."""
        found = await self._uow.sagas.find_held(task.saga_id, task.token)
        if found is not None:
            found[0].release()

    async def _begin(self, saga: Saga, order: Order, now: datetime) -> Turn:
        step = saga.begin(order, now, self._lease)
        return await self._turn(saga, order, now) if step is None else Turn(order.id, _task(saga, order, step))

    async def _turn(self, saga: Saga, order: Order, now: datetime) -> Turn:
        if saga.finished_at is None:
            return Turn(order.id, pause_seconds=(saga.next_attempt_at - now).total_seconds())
        if saga.kind is Kind.CHECKOUT:
            if order.status is OrderStatus.CONFIRMED:
                await self._after_confirmation(order, now)
            elif order.coupon is not None:
                await self._uow.coupons.give_back(order.coupon, order.placed_at)
        return Turn(order.id, ending=Ending(saga.kind, saga.verdict, (now - saga.created_at).total_seconds()))

    async def _after_confirmation(self, order: Order, now: datetime) -> None:
        cart = await self._uow.carts.find(order.cart_id)
        if cart is not None:
            cart.forget_bought(order.lines, order.coupon, now)
        if order.cancel_requested_at is not None:
            # Somebody wanted it after the capture had begun: it is undone now that all of it is there.
            await self._uow.sagas.add(reversal_of(order, now))


def reversal_of(order: Order, now: datetime) -> Saga:
    """Return what undoes a confirmed order that was not shipped."""
    return Saga(order.id, Kind.REVERSAL, now, amount=order.quote.total - order.refunded, lines=order.lines)


def _task(saga: Saga, order: Order, step: Step) -> Task:
    return Task(
        saga.id,
        saga.token,
        step,
        order.id,
        order.customer_id,
        saga.lines or order.lines,
        order.quote.total if saga.amount is None else saga.amount,
        saga.payment,
        saga.traceparent,
        saga.attempts,
    )


def _spread() -> float:
    return random.uniform(0.5, 1)  # noqa: S311 - it spreads load and guards nothing
