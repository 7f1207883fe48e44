"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

==================  ==============================================  ================================================
table               holds                                           kept for
==================  ==============================================  ================================================
payments            a row per order                                 ever: a step of an order is unique for ever, and
                                                                    a tombstone refuses what comes however late
steps               what was asked of the provider, and its answer  ever, like the payments
payment_changes     what each payment was after each change         ever: reconciliation asks for any instant
journal_entries     what happened to money                          ever: the books
journal_lines       the two sides or more of each entry             ever: the books
webhook_signatures  signatures of webhooks that were accepted       an hour; after five minutes they are stale
==================  ==============================================  ================================================
"""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from payments.domain.ledger import Account, Booking
from payments.domain.methods import MethodKind
from payments.domain.payments import PaymentState
from payments.domain.steps import StepKind, StepState

metadata = MetaData()

_instant = DateTime(timezone=True)


def _words(kind: type[StrEnum]) -> Enum:
    return Enum(kind, native_enum=False, length=20, values_callable=lambda words: [str(each) for each in words])


payments = Table(
    "payments",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", _words(PaymentState), nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", _words(MethodKind)),
    Column("token", Text),
    Column("customer_id", Uuid),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("held_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("decline_code", Text),
    Column("provider_reference", Text),
    Column("created_at", _instant, nullable=False),
    Column("updated_at", _instant, nullable=False),
    CheckConstraint("captured_minor BETWEEN 0 AND coalesce(amount_minor, 0)", name="payments_captured"),
    CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="payments_refunded"),
    CheckConstraint("held_minor = 0 OR captured_minor = 0", name="payments_held"),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("payments.order_id", name="steps_order_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", _words(StepKind), nullable=False),
    Column("reference", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("state", _words(StepState), nullable=False),
    Column("code", Text),
    Column("provider_reference", Text),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("begun_at", _instant, nullable=False),
    Column("settled_at", _instant),
    Column("due_at", _instant, comment="null: settled"),
    UniqueConstraint("order_id", "name", name="steps_order_id_name"),
    UniqueConstraint("reference", name="steps_reference"),
    CheckConstraint("amount_minor > 0", name="steps_amount"),
    Index("steps_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

payment_changes = Table(
    "payment_changes",
    metadata,
    Column("order_id", Uuid, ForeignKey("payments.order_id", name="payment_changes_order_id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("state", _words(PaymentState), nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("updated_at", _instant, nullable=False),
)

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("payments.order_id", name="journal_entries_payment"), nullable=False),
    Column("step", Text, nullable=False),
    Column("booking", _words(Booking), nullable=False),
    Column("booked_at", _instant, nullable=False),
    UniqueConstraint("order_id", "step", name="journal_entries_order_id_step"),
    Index("journal_entries_booked_at", "booked_at"),
)

journal_lines = Table(
    "journal_lines",
    metadata,
    Column("entry_id", Uuid, ForeignKey("journal_entries.id", name="journal_lines_entry"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("account", _words(Account), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Index("journal_lines_account", "account", "currency", "entry_id"),
)

webhook_signatures = Table(
    "webhook_signatures",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("received_at", _instant, nullable=False),
    Index("webhook_signatures_received_at", "received_at"),
)
