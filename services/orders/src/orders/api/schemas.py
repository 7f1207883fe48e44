"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, field_validator, model_validator

from chassis.instants import Instant
from chassis.money_schema import MoneyField
from orders.api.fields import (
    CartSecret,
    Country,
    CouponCode,
    Currency,
    Line,
    Phone,
    PostalCode,
    ProviderToken,
    Quantity,
    Reason,
    Sku,
)
from orders.domain.addresses import ShippingAddress
from orders.domain.checkout import Wish
from orders.domain.coupons import Coupon, Terms
from orders.domain.orders import OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.returns import ReturnState
from orders.domain.sagas import Kind, Step, Verdict
from orders.domain.shipments import Pieces
from orders.domain.shipping import ShippingMethod
from orders.domain.views import CartView, OrderView


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MergeIn(_In):
    """An anonymous cart, and the secret that opens it."""

    cart_id: UUID
    secret: CartSecret


class CartIn(_In):
    """A cart to begin; somebody who is signed in has one, and may put an anonymous one into it."""

    currency: Currency = "EUR"
    merge: MergeIn | None = None


class QuantityIn(_In):
    """How many."""

    quantity: Quantity


class RedemptionIn(_In):
    """Which coupon to use."""

    code: CouponCode


class TermsIn(_In):
    """What a coupon gives: `percent` off every line, or an `amount` off all of them; from `minimum` on, and when.

    `uses` is how many orders it is good for, all customers together; without it, any number.
    """

    percent: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    amount: MoneyField | None = None
    minimum: MoneyField | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    uses: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("give either percent or amount")
        if self.amount is not None and self.amount.amount <= 0:
            raise ValueError("the amount should be more than nothing")
        return self

    @property
    def terms(self) -> Terms:
        """The terms, as the domain has them."""
        return Terms(
            None if self.percent is None else Decimal(self.percent) / 100,
            self.amount.to_money() if self.amount else None,
            self.minimum.to_money() if self.minimum else None,
            self.valid_from,
            self.valid_until,
            self.uses,
        )


class CouponOut(_Out):
    """A coupon and its terms."""

    code: str
    percent: int | None
    amount: MoneyField | None
    minimum: MoneyField | None
    valid_from: datetime | None
    valid_until: datetime | None
    uses: int | None

    @classmethod
    def of(cls, coupon: Coupon) -> Self:
        """Show a coupon."""
        terms = coupon.terms
        shown = {
            "code": coupon.code,
            "percent": None if terms.share is None else int(terms.share * 100),
            "amount": MoneyField.of(terms.amount) if terms.amount else None,
            "minimum": MoneyField.of(terms.minimum) if terms.minimum else None,
            "valid_from": terms.valid_from,
            "valid_until": terms.valid_until,
            "uses": terms.uses,
            "used": coupon.used,
        }
        return cls.model_validate({name: shown[name] for name in cls.model_fields})


class CountedCouponOut(CouponOut):
    """A coupon in the list, and how many orders were placed with it; it is no part of what a version is of."""

    used: int


class CartLineOut(_Out):
    """How many of what."""

    sku: str
    quantity: int


class CartOut(_Out):
    """A cart. It knows no prices: they are catalog's at the moment of ordering."""

    id: UUID
    currency: str
    lines: list[CartLineOut]
    coupon: str | None
    changed_at: datetime

    @classmethod
    def of(cls, cart: CartView) -> Self:
        """Show a cart."""
        lines = [CartLineOut(sku=sku, quantity=quantity) for sku, quantity in sorted(cart.lines.items())]
        return cls(id=cart.id, currency=cart.currency, lines=lines, coupon=cart.coupon, changed_at=cart.changed_at)


class OpenedCartOut(CartOut):
    """A cart, and the secret of an anonymous one: it is shown this once, and opens the cart as `X-Cart-Secret`."""

    secret: str | None = None


class AddressIn(_In):
    """Where it goes."""

    recipient: Line
    line1: Line
    line2: Line | None = None
    city: Line
    region: Line | None = None
    postal_code: PostalCode | None = None
    country: Country
    phone: Phone | None = None


class PaymentIn(_In):
    """A provider's token; never a card number."""

    kind: Literal["card", "paypal"]
    token: ProviderToken


class OrderIn(_In):
    """What to order: the caller's cart, one address or the id of a saved one, a payment or the id of a saved method."""

    cart_id: UUID
    shipping_method: ShippingMethod = ShippingMethod.STANDARD
    shipping_address: AddressIn | None = None
    address_id: UUID | None = None
    payment: PaymentIn | None = None
    payment_method_id: UUID | None = None

    @model_validator(mode="after")
    def _either_or(self) -> Self:
        if (self.shipping_address is None) == (self.address_id is None):
            raise ValueError("give either shipping_address or address_id")
        if (self.payment is None) == (self.payment_method_id is None):
            raise ValueError("give either payment or payment_method_id")
        return self

    @property
    def wish(self) -> Wish:
        """What is asked for, as the domain has it."""
        return Wish(
            self.cart_id,
            self.shipping_method,
            address=ShippingAddress(**self.shipping_address.model_dump()) if self.shipping_address else None,
            address_id=self.address_id,
            payment=PaymentMethod(self.payment.kind, self.payment.token) if self.payment else None,
            payment_method_id=self.payment_method_id,
        )


class CancellationIn(_In):
    """Why, if one wants to say."""

    reason: Reason | None = None


class AbandonmentIn(_In):
    """Why it is given up; the history keeps it."""

    reason: Reason


class PiecesIn(_In):
    """How many pieces of what."""

    sku: Sku
    quantity: Quantity


def _pieces(lines: list[PiecesIn]) -> Pieces:
    return tuple((each.sku, each.quantity) for each in lines)


class ShipmentIn(_In):
    """What leaves the warehouse, and with whom."""

    carrier: Line
    tracking_number: Line
    lines: Annotated[list[PiecesIn], Field(min_length=1, max_length=100)]

    @property
    def pieces(self) -> Pieces:
        """The lines, as the domain has them."""
        return _pieces(self.lines)


class ReturnIn(_In):
    """What comes back, and why."""

    lines: Annotated[list[PiecesIn], Field(min_length=1, max_length=100)]
    reason: Reason

    @property
    def pieces(self) -> Pieces:
        """The lines, as the domain has them."""
        return _pieces(self.lines)


class AcceptanceIn(_In):
    """Whether what came back can be sold again."""

    restock: StrictBool = True


class RefundIn(_In):
    """How much goes back, and why."""

    amount: MoneyField
    reason: Reason

    @field_validator("amount")
    @classmethod
    def _something(cls, amount: MoneyField) -> MoneyField:
        if amount.amount <= 0:
            raise ValueError("should be more than nothing")
        return amount


class PiecesOut(_Out):
    """How many pieces of what."""

    sku: str
    quantity: int


PiecesField = Annotated[
    list[PiecesOut],
    BeforeValidator(lambda pieces: [{"sku": sku, "quantity": quantity} for sku, quantity in pieces]),
]


class ShipmentOut(_Out):
    """A parcel."""

    id: UUID
    carrier: str
    tracking_number: str
    lines: PiecesField
    shipped_at: datetime
    delivered_at: datetime | None


class ReturnOut(_Out):
    """Pieces that come back; `amount` is what was paid for them, without shipping."""

    id: UUID
    lines: PiecesField
    amount: MoneyField
    reason: str
    state: ReturnState
    restock: bool
    requested_at: datetime
    decided_at: datetime | None
    refunded_at: datetime | None


class RefundOut(_Out):
    """Money that goes back for another reason than a return."""

    id: UUID
    amount: MoneyField
    reason: str
    requested_at: datetime
    refunded_at: datetime | None


class DifferenceOut(_Out):
    """Where a book (`ledger`, `provider` or `stock`) does not say what the order says."""

    order_id: UUID
    book: str
    expected: str
    found: str


class SagaOut(_Out):
    """What has to be done for an order. `step` is what comes next, `error` what went wrong last."""

    id: UUID
    order_id: UUID
    kind: Kind
    step: Step | None
    verdict: Verdict
    code: str | None
    reason: str | None
    attempts: int
    error: str | None
    next_attempt_at: datetime
    leased_until: datetime | None
    deadline_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class EntryOut(_Out):
    """An entry of an order's history, with the account that did it."""

    status: OrderStatus
    at: datetime
    by: str
    reason: str | None


class AdjustmentOut(_Out):
    """Why a line costs less, and by how much (negative)."""

    rule: str
    reason: str
    amount: MoneyField


class OrderLineOut(_Out):
    """A line. `total` is `list_price` and the adjustments together; `tax` is contained in it."""

    sku: str
    product_id: str
    name: str
    quantity: int
    unit_price: MoneyField
    list_price: MoneyField
    adjustments: list[AdjustmentOut]
    total: MoneyField
    tax_rate: Decimal
    tax: MoneyField


class ShippingOut(_Out):
    """How it goes, and why that costs what it costs."""

    method: ShippingMethod
    zone: str
    weight_grams: int
    cost: MoneyField
    reason: str


class AddressOut(_Out):
    """Where it goes."""

    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: str
    phone: str | None


class ChangeOut(_Out):
    """An entry of the history; `by` is `customer`, `staff` or `system`."""

    status: OrderStatus
    at: datetime
    by: str
    reason: str | None


class OrderOut(_Out):
    """An order. `code` and `reason` say why it was rejected or cancelled; `tax` is contained in `total`."""

    id: UUID
    customer_id: UUID
    cart_id: UUID
    status: OrderStatus
    code: str | None
    reason: str | None
    lines: list[OrderLineOut]
    shipping: ShippingOut
    items: MoneyField
    discount: MoneyField
    tax: MoneyField
    total: MoneyField
    shipping_address: AddressOut
    payment_kind: str
    cancel_requested_at: datetime | None
    placed_at: datetime
    changed_at: datetime
    history: list[ChangeOut]
    shipments: list[ShipmentOut]
    returns: list[ReturnOut]
    refunds: list[RefundOut]

    @classmethod
    def of(cls, order: OrderView) -> "OrderOut":
        """Show an order; who of the staff did something is not for everybody to know."""
        quote = order.quote
        return cls(
            **{name: getattr(order, name) for name in _SAME},
            lines=[OrderLineOut.model_validate(each) for each in quote.lines],
            shipping=ShippingOut.model_validate(quote.shipping),
            items=MoneyField.of(quote.items),
            discount=MoneyField.of(quote.discount),
            tax=MoneyField.of(quote.tax),
            total=MoneyField.of(quote.total),
            shipping_address=AddressOut.model_validate(order.address),
            history=[
                ChangeOut(status=each.status, at=each.at, by=each.by.partition(":")[0], reason=each.reason)
                for each in order.history
            ],
            shipments=[ShipmentOut.model_validate(each) for each in order.shipments],
            returns=[ReturnOut.model_validate(each) for each in order.returns],
            refunds=[RefundOut.model_validate(each) for each in order.refunds],
        )


_SAME = (
    "id",
    "customer_id",
    "cart_id",
    "status",
    "code",
    "reason",
    "payment_kind",
    "cancel_requested_at",
    "placed_at",
    "changed_at",
)
