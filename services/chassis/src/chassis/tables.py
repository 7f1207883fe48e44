"""The tables every service with a database has. Created by its first migration (``migrations.create_chassis_tables``).

=================  ==========================================================  =======================
table              holds                                                       kept for
=================  ==========================================================  =======================
outbox             events of this service, sent or not yet                     7 days after sending
inbox              ids of events a consumer has handled                        15 days
failed_messages    events whose handling failed: waiting for a retry, or dead  30 days after dying
idempotency_keys   what a repeated request is answered with                    24 hours
schedules          when each periodic job is due, and who runs it              for ever (a row a job)
=================  ==========================================================  =======================
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

chassis_metadata = MetaData()

_instant = DateTime(timezone=True)

outbox = Table(
    "outbox",
    chassis_metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("traceparent", Text),
    Column("occurred_at", _instant, nullable=False),
    Column("sent_at", _instant),
    Index("outbox_unsent", "position", postgresql_where=text("sent_at IS NULL")),
    Index("outbox_sent_at", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
)

inbox = Table(
    "inbox",
    chassis_metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("received_at", _instant, nullable=False, server_default=func.now()),
    Index("inbox_received_at", "received_at"),
)

failed_messages = Table(
    "failed_messages",
    chassis_metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("envelope", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_at", _instant, nullable=False, server_default=func.now()),
    Column("next_attempt_at", _instant, comment="null: dead, waits for a replay"),
    Index("failed_messages_event", "consumer", "event_id", unique=True),
    Index("failed_messages_due", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
)

idempotency_keys = Table(
    "idempotency_keys",
    chassis_metadata,
    Column("principal", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("resource", Text, nullable=False),
    Column("created_at", _instant, nullable=False, server_default=func.now()),
    Index("idempotency_keys_created_at", "created_at"),
)

schedules = Table(
    "schedules",
    chassis_metadata,
    Column("name", Text, primary_key=True),
    Column("next_run_at", _instant, nullable=False),
    Column("leased_until", _instant),
    Column("lease_token", Uuid),
    Column("last_success_at", _instant),
)
