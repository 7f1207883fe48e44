"""How often a coupon was used, and by which orders."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("coupons", sa.Column("used", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    made = sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
    op.add_column("coupons", made)
    op.add_column("orders", sa.Column("coupon", sa.Text))


def downgrade() -> None:
    op.drop_column("orders", "coupon")
    op.drop_column("coupons", "created_at")
    op.drop_column("coupons", "used")
