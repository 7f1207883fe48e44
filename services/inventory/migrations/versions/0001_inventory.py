"""Warehouses, stock and its ledger, reservations and their steps, and what every service has."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
STATES = "'held', 'pinned', 'committed', 'released', 'expired'"
REASONS = "'received', 'counted', 'damaged', 'lost', 'found', 'sold', 'returned'"


def upgrade() -> None:
    create_chassis_tables(op)
    create_stock()
    create_reservations()


def create_stock() -> None:
    warehouses = op.create_table(
        "warehouses",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
    )
    op.bulk_insert(warehouses, [{"code": "main", "name": "Main warehouse", "priority": 100}])
    op.create_table(
        "stock",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("warehouse", sa.Text, sa.ForeignKey("warehouses.code", name="stock_warehouse"), primary_key=True),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("low_at", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("0 <= reserved AND reserved <= on_hand", name="stock_reserved"),
    )
    # Rows are changed again and again: a page with room takes the new version without a change of the index.
    op.execute("ALTER TABLE stock SET (fillfactor = 50)")
    op.create_table(
        "adjustments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("warehouse", sa.Text, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(8), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("order_id", sa.Uuid),
        sa.Column("intake_id", sa.Uuid),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("quantity <> 0", name="adjustments_quantity"),
        sa.CheckConstraint(f"reason IN ({REASONS})", name="adjustments_reason"),
    )
    op.create_index("adjustments_sku", "adjustments", ["sku", "warehouse", "id"])
    for column in ("order_id", "intake_id"):
        given = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"adjustments_{column}", "adjustments", [column, "id"], postgresql_where=given)
    op.create_table(
        "intakes",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("warehouse", sa.Text, sa.ForeignKey("warehouses.code", name="intakes_warehouse"), nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("pieces", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name="reservations_state"),
        sa.CheckConstraint("state <> 'held' OR expires_at IS NOT NULL", name="reservations_expires_at"),
    )
    op.create_index("reservations_due", "reservations", ["expires_at"], postgresql_where=sa.text("state = 'held'"))
    op.create_table(
        "reservation_lines",
        _order_id("reservation_lines"),
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("warehouse", sa.Text, primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("returned", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "0 <= returned AND returned <= quantity AND quantity > 0", name="reservation_lines_quantity"
        ),
    )
    op.create_table(
        "reservation_returns",
        _order_id("reservation_returns"),
        sa.Column("return_id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("quantity > 0", name="reservation_returns_quantity"),
    )
    op.create_table(
        "reservation_transitions",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("reservation_transitions_at", "reservation_transitions", ["at"])


def _order_id(table: str) -> "sa.Column[UUID]":
    order = sa.ForeignKey("reservations.order_id", name=f"{table}_order_id")
    return sa.Column("order_id", sa.Uuid, order, primary_key=True)


def downgrade() -> None:
    for table in (
        "reservation_transitions",
        "reservation_returns",
        "reservation_lines",
        "reservations",
        "intakes",
        "adjustments",
        "stock",
        "warehouses",
    ):
        op.drop_table(table)
    drop_chassis_tables(op)
