"""The unit of work on a database session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from auth.data import mapping  # noqa: F401 - the classes have to be mapped before they are loaded
from auth.data.accounts import SqlAccountRepository
from auth.data.api_keys import SqlApiKeyRepository
from auth.data.audit import SqlAuditTrail
from auth.data.clients import SqlClientRepository
from auth.data.families import SqlRefreshFamilyRepository
from auth.data.guessing import SqlTrackRepository
from auth.data.mails import NoMailbox, SqlMailbox
from auth.data.resets import SqlPasswordResetRepository
from auth.data.signing_keys import SqlSigningKeyRepository
from auth.domain.mails import Mailbox
from auth.domain.units import UnitOfWork
from chassis.database import Database


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session, which somebody else opens and commits."""

    def __init__(self, session: AsyncSession, mails: Mailbox) -> None:
        self.accounts = SqlAccountRepository(session)
        self.families = SqlRefreshFamilyRepository(session)
        self.api_keys = SqlApiKeyRepository(session)
        self.resets = SqlPasswordResetRepository(session)
        self.tracks = SqlTrackRepository(session)
        self.clients = SqlClientRepository(session)
        self.signing_keys = SqlSigningKeyRepository(session)
        self.audit = SqlAuditTrail(session)
        self.mails = mails


class SqlUnits:
    """Opens units of work: on a session that a request has, or on a new one.

    Args:
        development_mails: Whether mails are kept where developers can read them.
    """

    def __init__(self, database: Database, *, development_mails: bool) -> None:
        self._database = database
        self._development_mails = development_mails

    def within(self, session: AsyncSession) -> UnitOfWork:
        """Return the unit of work of a session that is open already."""
        return SqlUnitOfWork(session, SqlMailbox(session) if self._development_mails else NoMailbox())

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        """Open a unit of work of its own; it commits at the end of the block."""
        async with self._database.transaction() as session:
            yield self.within(session)
