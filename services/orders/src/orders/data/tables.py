"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

=======  ===========================================  ==============================================================
table    holds                                        kept for
=======  ===========================================  ==============================================================
carts    a row per cart                               30 days after the last change, a customer's 180 (``retention``)
coupons  a row per coupon                             until staff removes it
orders   a row per order, its history included        for ever: they are the shop's books
sagas    what has to be done for an order, or was     400 days after their end (``retention``)
=======  ===========================================  ==============================================================
"""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from chassis.money import Money
from orders.data.documents import Document
from orders.domain.addresses import ShippingAddress
from orders.domain.coupons import Terms
from orders.domain.orders import Change, OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.pricing import Quote
from orders.domain.returns import Refund, Return
from orders.domain.sagas import Kind, Step, Verdict
from orders.domain.shipments import Pieces, Shipment

metadata = MetaData()

_instant = DateTime(timezone=True)


def _words(kind: type[StrEnum]) -> Enum:
    """Words as text; which ones there are is the code's to know, so that a new one needs no migration."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda words: [str(each) for each in words])


carts = Table(
    "carts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("customer_id", Uuid),
    Column("secret_hash", LargeBinary),
    Column("currency", String(3), nullable=False),
    Column("lines", Document(Mapping[str, int]), nullable=False),
    Column("coupon", Text),
    Column("merged_into", Uuid),
    Column("changed_at", _instant, nullable=False),
    Index("carts_customer_id", "customer_id", unique=True),
    Index("carts_changed_at", "changed_at"),
)

coupons = Table(
    "coupons",
    metadata,
    Column("code", Text(collation="C"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("terms", Document(Terms), nullable=False),
    Column("used", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", _instant, nullable=False, server_default=text("now()")),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("cart_id", Uuid, nullable=False),
    Column("status", _words(OrderStatus), nullable=False),
    Column("quote", Document(Quote), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("address", Document(ShippingAddress), nullable=False),
    Column("payment_kind", Text, nullable=False),
    Column("coupon", Text),
    Column("code", Text),
    Column("reason", Text),
    Column("cancel_requested_at", _instant),
    Column("cancel_requested_by", Text),
    Column("placed_at", _instant, nullable=False),
    Column("changed_at", _instant, nullable=False),
    Column("history", Document(tuple[Change, ...]), nullable=False),
    Column("shipments", Document(tuple[Shipment, ...]), nullable=False),
    Column("returns", Document(tuple[Return, ...]), nullable=False),
    Column("refunds", Document(tuple[Refund, ...]), nullable=False),
    Index("orders_customer_id_id", "customer_id", "id"),
    Index("orders_status_id", "status", "id"),
)

sagas = Table(
    "sagas",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id", name="sagas_order_id"), nullable=False),
    Column("kind", _words(Kind), nullable=False),
    Column("step", _words(Step)),
    Column("verdict", _words(Verdict), nullable=False),
    Column("code", Text),
    Column("reason", Text),
    Column("amount", Document(Money)),
    Column("lines", Document(Pieces), nullable=False),
    Column("payment", Document(PaymentMethod), comment="until the payment is authorised"),
    Column("traceparent", Text),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("token", BigInteger, nullable=False),
    Column("next_attempt_at", _instant, nullable=False),
    Column("leased_until", _instant),
    Column("deadline_at", _instant),
    Column("created_at", _instant, nullable=False),
    Column("finished_at", _instant),
    Index("sagas_due", "next_attempt_at", postgresql_where=text("finished_at IS NULL")),
    Index("sagas_order", "order_id"),
    Index("sagas_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)
