"""What the applications say to each other, as ours do."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class Money(BaseModel):
    """An amount in minor units."""

    amount: int
    currency: str


class AddressIn(BaseModel):
    """Where an order goes."""

    recipient: str
    line1: str
    city: str
    postal_code: str
    country: str


class MethodIn(BaseModel):
    """What an order is paid with."""

    kind: Literal["card", "paypal"]
    token: str


class OrderIn(BaseModel):
    """What to order."""

    cart_id: UUID
    shipping_method: str = "standard"
    shipping_address: AddressIn
    payment: MethodIn


class LineOut(BaseModel):
    """A line of an order."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    total: Money


class OrderOut(BaseModel):
    """An order."""

    id: UUID
    status: str
    lines: list[LineOut]
    shipping: Money
    total: Money


class SkuOut(BaseModel):
    """What a SKU costs."""

    sku: str
    product_id: UUID
    name: str
    price: Money
    weight_grams: int
    tax_class: str


class SkusOut(BaseModel):
    """What SKUs cost."""

    currency: str
    items: list[SkuOut]


class CustomerOut(BaseModel):
    """Who a customer is."""

    id: UUID
    tier: str
    email: str


class LineIn(BaseModel):
    """So many pieces of a SKU."""

    sku: str
    quantity: int


class ReservationIn(BaseModel):
    """What to hold."""

    lines: list[LineIn]


class ReservationOut(BaseModel):
    """What is held."""

    order_id: UUID
    state: str


class PaymentIn(BaseModel):
    """What to take, and from whom."""

    amount: Money
    method: MethodIn
    customer_id: UUID


class PaymentOut(BaseModel):
    """What was taken."""

    order_id: UUID
    state: str
    amount: Money


class WebhookIn(BaseModel):
    """What the provider reports."""

    reference: str
    state: str
