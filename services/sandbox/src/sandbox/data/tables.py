"""The tables of this service; the chassis adds its own.

==========  =======================================================  ==========================================
table       holds                                                    kept for
==========  =======================================================  ==========================================
operations  what merchants asked, and what came of it                ever: a provider's books (of play money)
knocks      how often somebody asked while nobody was there          7 days
deliveries  webhooks, sent or not yet                                7 days
==========  =======================================================  ==========================================
"""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, Uuid, text

metadata = MetaData()

_instant = DateTime(timezone=True)

operations = Table(
    "operations",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("authorisation", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("created_at", _instant, nullable=False),
    Column("settled_at", _instant, nullable=False),
    Column("provider_reference", Uuid, nullable=False),
    Index("operations_authorisation", "authorisation", "created_at"),
    Index("operations_settled_at_reference", "settled_at", "reference"),
)

knocks = Table(
    "knocks",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first_at", _instant, nullable=False),
    Index("knocks_first_at", "first_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reference", Text, ForeignKey("operations.reference", name="deliveries_reference"), nullable=False),
    Column("due_at", _instant, comment="null: sent, or given up"),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("created_at", _instant, nullable=False),
    Column("sent_at", _instant),
    Index("deliveries_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("deliveries_reference_sent", "reference"),
    Index("deliveries_created_at", "created_at"),
)
