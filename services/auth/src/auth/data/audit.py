"""The audit trail in PostgreSQL. Triggers refuse to change an entry, and to delete one that is to be kept."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import audit_entries as table
from auth.domain.audit import AuditEntry


class SqlAuditTrail:
    """The ``AuditTrail`` of one session; every entry gets the trace it was made in."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, entry: AuditEntry) -> None:
        """Append the entry; see the port."""
        self._session.add(entry)

    async def forget_before(self, moment: datetime) -> int:
        """Remove old entries; see the port."""
        return await rows_changed(self._session, delete(table).where(table.c.at < moment))
