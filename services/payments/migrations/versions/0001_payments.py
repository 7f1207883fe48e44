"""Payments, their steps and the ledger, and what every service has."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

# Deferred: the lines of an entry come one after the other, and are judged together at the commit.
BALANCED = """
    CREATE FUNCTION journal_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM journal_lines WHERE entry_id = NEW.id) THEN
            RAISE EXCEPTION 'journal entry % has no lines', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_entries_have_lines';
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION journal_lines_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM journal_lines WHERE entry_id = NEW.entry_id GROUP BY currency HAVING sum(amount_minor) <> 0
        ) THEN
            RAISE EXCEPTION 'journal entry % does not sum to zero', NEW.entry_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_lines_sum_to_zero';
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION journal_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the journal is only added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_is_only_added_to';
    END $$;
    CREATE CONSTRAINT TRIGGER journal_entries_have_lines AFTER INSERT ON journal_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_entry_balances();
    CREATE CONSTRAINT TRIGGER journal_lines_sum_to_zero AFTER INSERT ON journal_lines
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_lines_balance();
    CREATE TRIGGER journal_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entries
        EXECUTE FUNCTION journal_is_only_added_to();
    CREATE TRIGGER journal_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_lines
        EXECUTE FUNCTION journal_is_only_added_to();
"""


def upgrade() -> None:
    create_chassis_tables(op)
    instant, word = sa.DateTime(timezone=True), sa.String(20)
    op.create_table(
        "payments",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", word, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("kind", word),
        sa.Column("token", sa.Text),
        sa.Column("customer_id", sa.Uuid),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("held_minor", sa.BigInteger, nullable=False),
        sa.Column("captured_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("decline_code", sa.Text),
        sa.Column("provider_reference", sa.Text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.CheckConstraint("captured_minor BETWEEN 0 AND coalesce(amount_minor, 0)", name="payments_captured"),
        sa.CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="payments_refunded"),
        sa.CheckConstraint("held_minor = 0 OR captured_minor = 0", name="payments_held"),
    )
    op.create_table(
        "steps",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("payments.order_id", name="steps_order_id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", word, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("state", word, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("provider_reference", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("begun_at", instant, nullable=False),
        sa.Column("settled_at", instant),
        sa.Column("due_at", instant, comment="null: settled"),
        sa.UniqueConstraint("order_id", "name", name="steps_order_id_name"),
        sa.UniqueConstraint("reference", name="steps_reference"),
        sa.CheckConstraint("amount_minor > 0", name="steps_amount"),
    )
    op.create_index("steps_due", "steps", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "payment_changes",
        sa.Column(
            "order_id", sa.Uuid, sa.ForeignKey("payments.order_id", name="payment_changes_order_id"), primary_key=True
        ),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("state", word, nullable=False),
        sa.Column("held_minor", sa.BigInteger, nullable=False),
        sa.Column("captured_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
    )
    _create_journal(instant, word)
    op.create_table(
        "webhook_signatures",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("received_at", instant, nullable=False),
    )
    op.create_index("webhook_signatures_received_at", "webhook_signatures", ["received_at"])


def _create_journal(instant: sa.DateTime, word: sa.String) -> None:
    op.create_table(
        "journal_entries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "order_id", sa.Uuid, sa.ForeignKey("payments.order_id", name="journal_entries_payment"), nullable=False
        ),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("booking", word, nullable=False),
        sa.Column("booked_at", instant, nullable=False),
        sa.UniqueConstraint("order_id", "step", name="journal_entries_order_id_step"),
    )
    op.create_index("journal_entries_booked_at", "journal_entries", ["booked_at"])
    op.create_table(
        "journal_lines",
        sa.Column(
            "entry_id", sa.Uuid, sa.ForeignKey("journal_entries.id", name="journal_lines_entry"), primary_key=True
        ),
        sa.Column("position", sa.SmallInteger, primary_key=True),
        sa.Column("account", word, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    op.create_index("journal_lines_account", "journal_lines", ["account", "currency", "entry_id"])
    for statement in BALANCED.split(";\n    CREATE "):
        op.execute(statement if statement.lstrip().startswith("CREATE") else f"CREATE {statement}")


def downgrade() -> None:
    for table in (
        "webhook_signatures",
        "journal_lines",
        "journal_entries",
        "payment_changes",
        "steps",
        "payments",
    ):
        op.drop_table(table)
    for function in ("journal_entry_balances", "journal_lines_balance", "journal_is_only_added_to"):
        op.execute(f"DROP FUNCTION {function}()")
    drop_chassis_tables(op)
