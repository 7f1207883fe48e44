"""How the domain's classes lie in the tables; importing this module maps them."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import registry

from auth.data import tables
from auth.domain.accounts import Account
from auth.domain.api_keys import ApiKey
from auth.domain.audit import AuditEntry
from auth.domain.clients import Client
from auth.domain.families import RefreshFamily
from auth.domain.guessing import Track
from auth.domain.mails import Mail
from auth.domain.resets import PasswordReset
from auth.domain.signing_keys import SigningKey

mapper = registry(metadata=tables.metadata)

mapper.map_imperatively(Account, tables.accounts)
mapper.map_imperatively(Client, tables.clients)
mapper.map_imperatively(SigningKey, tables.signing_keys)
mapper.map_imperatively(RefreshFamily, tables.refresh_families)
mapper.map_imperatively(ApiKey, tables.api_keys)
mapper.map_imperatively(PasswordReset, tables.password_resets)
mapper.map_imperatively(Track, tables.guess_tracks)
mapper.map_imperatively(AuditEntry, tables.audit_entries)
mapper.map_imperatively(Mail, tables.mailbox)


@event.listens_for(Account, "load")
def _begin_without_events(account: Account, _context: Any) -> None:
    """Give a loaded account its list of events: SQLAlchemy does not call ``__init__``."""
    account.events = []
