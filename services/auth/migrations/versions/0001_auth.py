"""Accounts, clients, keys, tokens and the audit trail, and what every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
WORDS = postgresql.ARRAY(sa.Text)


def upgrade() -> None:
    create_chassis_tables(op)
    create_accounts()
    create_clients()
    create_signing_keys()
    create_refresh_families()
    create_api_keys()
    create_password_resets()
    create_guess_tracks()
    create_audit_entries()
    create_mailbox()


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("email", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", WORDS, nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("suspension_reason", sa.Text),
        sa.Column("registered_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("password_changed_at", INSTANT, nullable=False),
        sa.Column("repeat_noticed_at", INSTANT),
        sa.CheckConstraint("status IN ('active', 'suspended', 'closed')", name="accounts_status"),
        sa.CheckConstraint("(status = 'closed') = (email IS NULL)", name="accounts_closed_is_empty"),
    )
    op.create_index("accounts_email_key", "accounts", ["email"], unique=True)
    op.create_index("accounts_roles", "accounts", ["roles"], postgresql_using="gin")
    op.create_index("accounts_suspended", "accounts", ["id"], postgresql_where=sa.text("status = 'suspended'"))


def create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("grants", WORDS, nullable=False),
        sa.Column("audiences", postgresql.JSONB, nullable=False),
        sa.Column("secret_hashes", postgresql.ARRAY(sa.LargeBinary), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
    )


def create_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("public", postgresql.JSONB, nullable=False),
        sa.Column("sealed_private", sa.LargeBinary, comment="null: destroyed after retirement"),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("signs_from", INSTANT, nullable=False),
        sa.Column("superseded_at", INSTANT),
        sa.Column("retires_at", INSTANT),
    )


def create_refresh_families() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "account_id", sa.Uuid, sa.ForeignKey("accounts.id", name="refresh_families_account_id"), nullable=False
        ),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("rotated_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("end_reason", sa.Text),
    )
    op.create_index("refresh_families_account_id_ended_at", "refresh_families", ["account_id", "ended_at"])
    op.create_index("refresh_families_expires_at", "refresh_families", ["expires_at"])
    op.create_index(
        "refresh_families_ended_at", "refresh_families", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL")
    )


def create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", name="api_keys_account_id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
    )
    op.create_index("api_keys_secret_hash_key", "api_keys", ["secret_hash"], unique=True)
    op.create_index("api_keys_account_id_id", "api_keys", ["account_id", "id"])


def create_password_resets() -> None:
    op.create_table(
        "password_resets",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("accounts.id", name="password_resets_account_id")),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
    )
    op.create_index("password_resets_account_id_requested_at", "password_resets", ["account_id", "requested_at"])
    op.create_index("password_resets_requested_at", "password_resets", ["requested_at"])


def create_guess_tracks() -> None:
    op.create_table(
        "guess_tracks",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_failed_at", INSTANT),
        sa.Column("paused_until", INSTANT),
        sa.Column("succeeded_at", INSTANT),
    )


def create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("account_id", sa.Uuid, comment="no foreign key: the trail says what was, whatever is"),
        sa.Column("details", postgresql.JSONB, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
    )
    op.create_index("audit_entries_account_id_id", "audit_entries", ["account_id", "id"])
    op.create_index("audit_entries_at", "audit_entries", ["at"])
    # The trail is only worth something if nobody can rewrite it by mistake, this service included.
    op.execute(
        """
        CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND OLD.at < now() - interval '400 days' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'audit entries are appended, and kept for 400 days'
                USING ERRCODE = 'integrity_constraint_violation';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
            FOR EACH ROW EXECUTE FUNCTION audit_entries_stay()
        """
    )


def create_mailbox() -> None:
    op.create_table(
        "mailbox",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("to", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("mailbox_at", "mailbox", ["at"])


def downgrade() -> None:
    for table in (
        "mailbox",
        "audit_entries",
        "guess_tracks",
        "password_resets",
        "api_keys",
        "refresh_families",
        "signing_keys",
        "clients",
        "accounts",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_entries_stay()")
    drop_chassis_tables(op)
