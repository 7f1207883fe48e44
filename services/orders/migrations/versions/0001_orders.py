"""Carts, coupons, orders and sagas, and what every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

_instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "carts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.Uuid),
        sa.Column("secret_hash", sa.LargeBinary),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("lines", postgresql.JSONB, nullable=False),
        sa.Column("coupon", sa.Text),
        sa.Column("merged_into", sa.Uuid),
        sa.Column("changed_at", _instant, nullable=False),
    )
    op.create_index("carts_customer_id", "carts", ["customer_id"], unique=True)
    op.create_index("carts_changed_at", "carts", ["changed_at"])
    op.create_table(
        "coupons",
        sa.Column("code", sa.Text(collation="C"), primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("terms", postgresql.JSONB, nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("cart_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("quote", postgresql.JSONB, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("address", postgresql.JSONB, nullable=False),
        sa.Column("payment_kind", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("cancel_requested_at", _instant),
        sa.Column("cancel_requested_by", sa.Text),
        sa.Column("placed_at", _instant, nullable=False),
        sa.Column("changed_at", _instant, nullable=False),
        sa.Column("history", postgresql.JSONB, nullable=False),
        sa.Column("shipments", postgresql.JSONB, nullable=False),
        sa.Column("returns", postgresql.JSONB, nullable=False),
        sa.Column("refunds", postgresql.JSONB, nullable=False),
    )
    op.create_index("orders_customer_id_id", "orders", ["customer_id", "id"])
    op.create_index("orders_status_id", "orders", ["status", "id"])
    op.create_table(
        "sagas",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id", name="sagas_order_id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("step", sa.String(16)),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("amount", postgresql.JSONB),
        sa.Column("lines", postgresql.JSONB, nullable=False),
        sa.Column("payment", postgresql.JSONB, comment="until the payment is authorised"),
        sa.Column("traceparent", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("next_attempt_at", _instant, nullable=False),
        sa.Column("leased_until", _instant),
        sa.Column("deadline_at", _instant),
        sa.Column("created_at", _instant, nullable=False),
        sa.Column("finished_at", _instant),
    )
    open_ones, finished = sa.text("finished_at IS NULL"), sa.text("finished_at IS NOT NULL")
    op.create_index("sagas_due", "sagas", ["next_attempt_at"], postgresql_where=open_ones)
    op.create_index("sagas_order", "sagas", ["order_id"])
    op.create_index("sagas_finished_at", "sagas", ["finished_at"], postgresql_where=finished)


def downgrade() -> None:
    op.drop_table("sagas")
    op.drop_table("orders")
    op.drop_table("coupons")
    op.drop_table("carts")
    drop_chassis_tables(op)
