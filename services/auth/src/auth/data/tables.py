"""The tables of this service; the chassis adds its own (outbox, inbox, ...), which keep themselves short.

================  =====================================================  ==============================================
table             holds                                                  kept for
================  =====================================================  ==============================================
accounts          a row per account                                      what is personal until it is closed, then an
                                                                         empty shell for ever: its id is nobody else's
clients           OAuth clients                                          as long as the registry names them
signing_keys      key pairs, the private half encrypted                  365 days after retirement
refresh_families  one row per login                                      30 days after its end
api_keys          digests of keys                                        90 days after expiry or revocation
password_resets   requests, answered or not; no secret                   7 days
guess_tracks      wrong passwords lately; addresses that were right      1 day; 30 days
audit_entries     who did what                                           400 days, and not a day less (trigger)
mailbox           development mails                                      7 days
================  =====================================================  ==============================================

``auth.domain.retention`` has the periods, and a job keeps them.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from auth.data.columns import Digests, WordSet, WordSets
from auth.domain.accounts import AccountStatus
from auth.domain.clients import Grant
from auth.domain.roles import Role
from chassis import context

metadata = MetaData()

_instant = DateTime(timezone=True)
_status = Enum(
    AccountStatus,
    name="accounts_status",
    native_enum=False,
    create_constraint=True,
    values_callable=lambda states: [str(each) for each in states],
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("email", Text),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", WordSet(Role), nullable=False),
    Column("status", _status, nullable=False),
    Column("suspension_reason", Text),
    Column("registered_at", _instant, nullable=False),
    Column("updated_at", _instant, nullable=False),
    Column("password_changed_at", _instant, nullable=False),
    Column("repeat_noticed_at", _instant),
    CheckConstraint("(status = 'closed') = (email IS NULL)", name="accounts_closed_is_empty"),
    Index("accounts_email_key", "email", unique=True),
    Index("accounts_roles", "roles", postgresql_using="gin"),
    Index("accounts_suspended", "id", postgresql_where=text("status = 'suspended'")),
)

clients = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("grants", WordSet(Grant), nullable=False),
    Column("audiences", WordSets, nullable=False),
    Column("secret_hashes", Digests, nullable=False),
    Column("updated_at", _instant, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public", JSONB, nullable=False),
    Column("sealed_private", LargeBinary, comment="null: destroyed after retirement"),
    Column("published_at", _instant, nullable=False),
    Column("signs_from", _instant, nullable=False),
    Column("superseded_at", _instant),
    Column("retires_at", _instant),
)

refresh_families = Table(
    "refresh_families",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", name="refresh_families_account_id"), nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scopes", WordSet, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("began_at", _instant, nullable=False),
    Column("rotated_at", _instant, nullable=False),
    Column("expires_at", _instant, nullable=False),
    Column("ends_at", _instant, nullable=False),
    Column("ended_at", _instant),
    Column("end_reason", Text),
    Index("refresh_families_account_id_ended_at", "account_id", "ended_at"),
    Index("refresh_families_expires_at", "expires_at"),
    Index("refresh_families_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", name="api_keys_account_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", WordSet, nullable=False),
    Column("created_at", _instant, nullable=False),
    Column("expires_at", _instant),
    Column("last_used_at", _instant),
    Column("revoked_at", _instant),
    Index("api_keys_secret_hash_key", "secret_hash", unique=True),
    Index("api_keys_account_id_id", "account_id", "id"),
)

password_resets = Table(
    "password_resets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", name="password_resets_account_id")),
    Column("requested_at", _instant, nullable=False),
    Column("expires_at", _instant, nullable=False),
    Column("used_at", _instant),
    Index("password_resets_account_id_requested_at", "account_id", "requested_at"),
    Index("password_resets_requested_at", "requested_at"),
)

guess_tracks = Table(
    "guess_tracks",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_failed_at", _instant),
    Column("paused_until", _instant),
    Column("succeeded_at", _instant),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", _instant, nullable=False),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("account_id", Uuid, comment="no foreign key: the trail says what was, whatever is"),
    Column("details", JSONB, nullable=False),
    Column("trace_id", Text, nullable=False, default=lambda: context.current().trace_id),
    Index("audit_entries_account_id_id", "account_id", "id"),
    Index("audit_entries_at", "at"),
)

mailbox = Table(
    "mailbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("to", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", _instant, nullable=False),
    Index("mailbox_at", "at"),
)
