"""Customers and their addresses, and what every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("locale", sa.Text),
        sa.Column("marketing", sa.Boolean, nullable=False),
        sa.Column("newsletter", sa.Boolean, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("tier", sa.String(8), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("tier IN ('standard', 'premium')", name="customers_tier"),
    )
    op.create_index("customers_registered_at", "customers", ["registered_at"])
    op.create_index("customers_email_key", "customers", [sa.text('(lower(email) COLLATE "C")')])
    op.create_table(
        "addresses",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("customer_id", sa.Uuid, sa.ForeignKey("customers.id", name="addresses_customer_id"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("line1", sa.Text, nullable=False),
        sa.Column("line2", sa.Text),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("region", sa.Text),
        sa.Column("postal_code", sa.Text),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("default_shipping", sa.Boolean, nullable=False),
        sa.Column("default_billing", sa.Boolean, nullable=False),
        *(_one_per_customer(default) for default in ("default_shipping", "default_billing")),
    )
    op.create_index("addresses_customer_id_id", "addresses", ["customer_id", "id"])


def _one_per_customer(default: str) -> sa.Constraint:
    return postgresql.ExcludeConstraint(
        ("customer_id", "="),
        name=f"addresses_{default}",
        using="btree",
        where=default,
        deferrable=True,
        initially="DEFERRED",
    )


def downgrade() -> None:
    op.drop_table("addresses")
    op.drop_table("customers")
    drop_chassis_tables(op)
