"""From a cart to an order: what has to be known before, and the order itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.clock import Clock
from chassis.ids import uuid7
from orders.domain.addresses import AddressUnknownError, ShippingAddress
from orders.domain.carts import CartEmptyError, CartNotFoundError
from orders.domain.coupons import CouponNotFoundError, CouponRule
from orders.domain.discounts import DiscountRule
from orders.domain.orders import Order
from orders.domain.payment import PaymentMethod, PaymentMethodUnknownError
from orders.domain.ports import CartDirectory, Catalog, CouponDirectory, CustomerFile, Customers, UnitOfWork
from orders.domain.pricing import Pricer, Product, ProductsUnavailableError, Quote
from orders.domain.sagas import Kind, Saga
from orders.domain.shipping import ShippingMethod
from orders.domain.shoppers import shopper
from orders.domain.views import OrderView


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for: a cart, an address or one of the address book, a method or a saved one."""

    cart_id: UUID
    shipping_method: ShippingMethod
    address: ShippingAddress | None = None
    address_id: UUID | None = None
    payment: PaymentMethod | None = None
    payment_method_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that could be placed: everything about it is known, and nothing has happened."""

    customer_id: UUID
    cart_id: UUID
    quote: Quote
    address: ShippingAddress
    payment: PaymentMethod
    coupon: str | None = None


class Till:
    """Works out a proposal; asks the peers, so it is for outside of any unit of work."""

    def __init__(
        self,
        carts: CartDirectory,
        coupons: CouponDirectory,
        catalog: Catalog,
        customers: Customers,
        pricer: Pricer,
        clock: Clock,
    ) -> None:
        self._carts = carts
        self._coupons = coupons
        self._clock = clock
        self._catalog = catalog
        self._customers = customers
        self._pricer = pricer

    async def propose(self, customer_id: UUID, wish: Wish) -> Proposal:
        """Price the customer's own cart with what catalog says now.

        Raises:
            CartNotFoundError, CartEmptyError: There is nothing to order.
            ProductsUnavailableError: Something of it cannot be had.
            AddressUnknownError, PaymentMethodUnknownError: It is not the customer's.
            CouponNotFoundError, CouponNotValidError, CouponUsedUpError: The cart's coupon is not good for this.
            ShippingUnavailableError: Nobody ships it there.
            UnavailableError: Catalog or customers is away.
        """
        cart = await self._carts.find(wish.cart_id)
        if cart is None or cart.customer_id != customer_id:
            raise CartNotFoundError(cart_id=str(wish.cart_id))
        if not cart.lines:
            raise CartEmptyError(cart_id=str(cart.id))
        products, known = await asyncio.gather(
            self._products(cart.lines, cart.currency), self._customers.file(customer_id)
        )
        address = _address(wish, known)
        quote = self._pricer.quote(
            cart.lines,
            products,
            shopper(customer_id, known.tier),
            country=address.country,
            method=wish.shipping_method,
            more=await self._coupon(cart.coupon),
        )
        return Proposal(customer_id, cart.id, quote, address, _payment(wish, known), cart.coupon)

    async def _coupon(self, code: str | None) -> list[DiscountRule]:
        if code is None:
            return []
        coupon = await self._coupons.find(code)
        if coupon is None:
            raise CouponNotFoundError(coupon=code)
        coupon.ensure_valid(self._clock.now())
        return [CouponRule(coupon)]

    async def _products(self, lines: Mapping[str, int], currency: str) -> Sequence[Product]:
        offer = await self._catalog.offer(sorted(lines), currency)
        if offer.missing:
            raise ProductsUnavailableError(missing=[{"sku": sku, "reason": why} for sku, why in offer.missing.items()])
        return offer.products


class Checkout:
    """Places orders.

    Args:
        patience: How long a checkout may take before the capture; shorter than reservations live.
    """

    def __init__(self, uow: UnitOfWork, clock: Clock, *, patience: timedelta, traceparent: str | None = None) -> None:
        self._uow = uow
        self._clock = clock
        self._patience = patience
        self._traceparent = traceparent

    async def place(self, proposal: Proposal) -> OrderView:
        """Make it an order, and have its saga begin.

        Raises:
            CouponNotFoundError, CouponNotValidError, CouponUsedUpError: Somebody else came first.
        """
        now = self._clock.now()
        order = Order(
            uuid7(),
            customer_id=proposal.customer_id,
            cart_id=proposal.cart_id,
            quote=proposal.quote,
            address=proposal.address,
            payment_kind=proposal.payment.kind,
            coupon=proposal.coupon,
            now=now,
        )
        saga = Saga(
            order.id,
            Kind.CHECKOUT,
            now,
            deadline_at=now + self._patience,
            payment=proposal.payment,
            amount=order.quote.total,
            traceparent=self._traceparent,
        )
        await self._uow.orders.add(order)
        await self._uow.sagas.add(saga)
        if proposal.coupon is not None:
            await self._use(proposal.coupon, now)
        return OrderView.of(order)

    async def _use(self, code: str, now: datetime) -> None:
        """Use a coupon, last of all: it is nobody else's from here to the end of the unit of work."""
        coupon = await self._uow.coupons.find(code)
        if coupon is None:
            raise CouponNotFoundError(coupon=code)
        coupon.ensure_valid(now)
        await self._uow.coupons.use(code)


def _address(wish: Wish, known: CustomerFile) -> ShippingAddress:
    if wish.address is not None:
        return wish.address
    if wish.address_id is None or wish.address_id not in known.addresses:
        raise AddressUnknownError(address_id=str(wish.address_id))
    return known.addresses[wish.address_id]


def _payment(wish: Wish, known: CustomerFile) -> PaymentMethod:
    if wish.payment is not None:
        return wish.payment
    if wish.payment_method_id is None or wish.payment_method_id not in known.payment_methods:
        raise PaymentMethodUnknownError(payment_method_id=str(wish.payment_method_id))
    return known.payment_methods[wish.payment_method_id]
