"""Saved payment methods. Only a table more: the release before this one does not notice it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "payment_methods",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "customer_id", sa.Uuid, sa.ForeignKey("customers.id", name="payment_methods_customer_id"), nullable=False
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(6), nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("last4", sa.Text),
        sa.Column("expires", sa.Text),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.CheckConstraint("kind IN ('card', 'paypal')", name="payment_methods_kind"),
    )
    op.create_index("payment_methods_customer_id_id", "payment_methods", ["customer_id", "id"])
    op.create_exclude_constraint(
        "payment_methods_is_default",
        "payment_methods",
        ("customer_id", "="),
        using="btree",
        where="is_default",
        deferrable=True,
        initially="DEFERRED",
    )


def downgrade() -> None:
    op.drop_table("payment_methods")
