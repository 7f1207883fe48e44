"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

=======================  ==========================================  ================================================
table                    holds                                       kept for
=======================  ==========================================  ================================================
warehouses               a row per warehouse                         ever; they are few
stock                    a row per SKU and warehouse                 ever; they are as many as there are goods
intakes                  a row per delivery that was entered         ever: the ledger's entries point at it
adjustments              the ledger, a row per entry                 ever: what is on hand is their sum
reservations             a row per order, tombstones too             ever: an order has one, however late it asks
reservation_lines        a row per order, SKU and warehouse          ever: what was taken may return
reservation_returns      a row per return and SKU                    ever: a return comes once, however late
reservation_transitions  a row per step of a reservation             400 days after the next step; the last one ever
=======================  ==========================================  ================================================
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)

from inventory.domain.reservations import State
from inventory.domain.stock import Reason

metadata = MetaData()

_instant = DateTime(timezone=True)


def _one_of(kind: type[State | Reason], name: str) -> Enum:
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        values_callable=lambda members: [str(each) for each in members],
    )


warehouses = Table(
    "warehouses",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("priority", Integer, nullable=False),
)

stock = Table(
    "stock",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("warehouse", Text, ForeignKey("warehouses.code", name="stock_warehouse"), primary_key=True),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("low_at", BigInteger),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("0 <= reserved AND reserved <= on_hand", name="stock_reserved"),
)

intakes = Table(
    "intakes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("warehouse", Text, ForeignKey("warehouses.code", name="intakes_warehouse"), nullable=False),
    Column("reference", Text),
    Column("lines", Integer, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", _instant, nullable=False),
)

# Without a foreign key to the stock: its check would lock the row, and a hot one long before the unit of work ends.
adjustments = Table(
    "adjustments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("reason", _one_of(Reason, "adjustments_reason"), nullable=False),
    Column("note", Text),
    Column("actor", Text),
    Column("order_id", Uuid),
    Column("intake_id", Uuid),
    Column("created_at", _instant, nullable=False),
    CheckConstraint("quantity <> 0", name="adjustments_quantity"),
    Index("adjustments_sku", "sku", "warehouse", "id"),
    Index("adjustments_order_id", "order_id", "id", postgresql_where=text("order_id IS NOT NULL")),
    Index("adjustments_intake_id", "intake_id", "id", postgresql_where=text("intake_id IS NOT NULL")),
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", _one_of(State, "reservations_state"), nullable=False),
    Column("expires_at", _instant),
    Column("created_at", _instant, nullable=False),
    Column("changed_at", _instant, nullable=False),
    CheckConstraint("state <> 'held' OR expires_at IS NOT NULL", name="reservations_expires_at"),
    Index("reservations_due", "expires_at", postgresql_where=text("state = 'held'")),
)

reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey("reservations.order_id", name="reservation_lines_order_id"), primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("warehouse", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    CheckConstraint("0 <= returned AND returned <= quantity AND quantity > 0", name="reservation_lines_quantity"),
)

reservation_returns = Table(
    "reservation_returns",
    metadata,
    Column(
        "order_id", Uuid, ForeignKey("reservations.order_id", name="reservation_returns_order_id"), primary_key=True
    ),
    Column("return_id", Uuid, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("created_at", _instant, nullable=False),
    CheckConstraint("quantity > 0", name="reservation_returns_quantity"),
)

reservation_transitions = Table(
    "reservation_transitions",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", _instant, nullable=False),
    Index("reservation_transitions_at", "at"),
)
