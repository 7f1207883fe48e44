"""The provider's books and its webhooks, and what every service has."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "operations",
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("authorisation", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("settled_at", instant, nullable=False),
        sa.Column("provider_reference", sa.Uuid, nullable=False),
    )
    op.create_index("operations_authorisation", "operations", ["authorisation", "created_at"])
    op.create_index("operations_settled_at_reference", "operations", ["settled_at", "reference"])
    op.create_table(
        "knocks",
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("first_at", instant, nullable=False),
    )
    op.create_index("knocks_first_at", "knocks", ["first_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "reference", sa.Text, sa.ForeignKey("operations.reference", name="deliveries_reference"), nullable=False
        ),
        sa.Column("due_at", instant, comment="null: sent, or given up"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("sent_at", instant),
    )
    op.create_index("deliveries_due", "deliveries", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("deliveries_reference_sent", "deliveries", ["reference"])
    op.create_index("deliveries_created_at", "deliveries", ["created_at"])


def downgrade() -> None:
    for table in ("deliveries", "knocks", "operations"):
        op.drop_table(table)
    drop_chassis_tables(op)
