"""Products, their variants and what they cost, categories, imports, search, and what every service has."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

_FOR_SALE = sa.text("status = 'published'")
_SEARCH = (
    "setweight(to_tsvector('english'::regconfig, name), 'A')"
    " || setweight(to_tsvector('english'::regconfig, keywords), 'B')"
    " || setweight(to_tsvector('english'::regconfig, description), 'D')"
)
_COUNTS = ("lines", "created", "changed", "unchanged", "refused")
_instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_chassis_tables(op)
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("categories", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("attributes", postgresql.JSONB, nullable=False),
        sa.Column("images", postgresql.JSONB, nullable=False),
        sa.Column("facets", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("keywords", sa.Text, nullable=False),
        sa.Column("created_at", _instant, nullable=False),
        sa.Column("changed_at", _instant, nullable=False),
        sa.Column("published_at", _instant),
        sa.Column("search", postgresql.TSVECTOR, sa.Computed(_SEARCH, persisted=True)),
        sa.CheckConstraint("status IN ('draft', 'published', 'archived')", name="products_status"),
    )
    op.create_index("products_slug", "products", ["slug"], unique=True)
    op.create_index("products_published_at", "products", ["published_at", "id"], postgresql_where=_FOR_SALE)
    op.create_index("products_name", "products", [sa.text("lower(name)"), "id"], postgresql_where=_FOR_SALE)
    gin: dict[str, Any] = {"postgresql_using": "gin"}
    similar = sa.text("lower(name || ' ' || keywords) gin_trgm_ops")
    op.create_index("products_search", "products", ["search"], postgresql_where=_FOR_SALE, **gin)
    op.create_index("products_similar", "products", [similar], postgresql_where=_FOR_SALE, **gin)
    op.create_index("products_facets", "products", ["facets"], postgresql_where=_FOR_SALE, **gin)
    op.create_index("products_categories", "products", ["categories"], **gin)
    op.create_table(
        "variants",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("product_id", sa.Uuid, sa.ForeignKey("products.id", name="variants_product_id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("weight_grams", sa.Integer, nullable=False),
        sa.Column("tax_class", sa.String(8), nullable=False),
        sa.Column("attributes", postgresql.JSONB, nullable=False),
        sa.Column("prices", postgresql.JSONB, nullable=False),
        sa.CheckConstraint("tax_class IN ('standard', 'reduced', 'zero')", name="variants_tax_class"),
    )
    op.create_index("variants_product_id_position", "variants", ["product_id", "position"])
    op.create_table(
        "offers",
        sa.Column("product_id", sa.Uuid, sa.ForeignKey("products.id", name="offers_product_id"), primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("valid_from", _instant, primary_key=True),
        sa.Column("valid_until", _instant),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
    )
    op.create_index("offers_amount", "offers", ["currency", "amount_minor", "product_id"])
    op.create_table(
        "categories",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, sa.ForeignKey("categories.slug", name="categories_parent_slug")),
    )
    op.create_index("categories_parent", "categories", ["parent"])
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("started_at", _instant, nullable=False),
        sa.Column("finished_at", _instant),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
    )
    op.create_index("imports_started_at", "imports", ["started_at"])
    op.create_table(
        "import_lines",
        sa.Column(
            "import_id",
            sa.Uuid,
            sa.ForeignKey("imports.id", name="import_lines_import_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("outcome", sa.String(9), nullable=False),
        sa.Column("slug", sa.Text),
        sa.Column("code", sa.Text),
        sa.Column("detail", sa.Text),
        sa.CheckConstraint("outcome IN ('created', 'changed', 'unchanged', 'refused')", name="import_lines_outcome"),
    )


def downgrade() -> None:
    op.drop_table("import_lines")
    op.drop_table("imports")
    op.drop_table("categories")
    op.drop_table("offers")
    op.drop_table("variants")
    op.drop_table("products")
    op.execute("DROP EXTENSION pg_trgm")
    drop_chassis_tables(op)
