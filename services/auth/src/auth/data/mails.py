"""Where mails go: into a table in development, nowhere elsewhere."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.data.bulk import rows_changed
from auth.data.tables import mailbox as table
from auth.domain.mails import Mail
from chassis.database import Database


class SqlMailbox:
    """The development mailbox of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def post(self, mail: Mail) -> None:
        """Keep the mail; see the port."""
        self._session.add(mail)

    async def forget_before(self, moment: datetime) -> int:
        """Remove old mails; see the port."""
        return await rows_changed(self._session, delete(table).where(table.c.at < moment))


class NoMailbox:
    """Keeps nothing: a mail may hold a secret, and only a developer's mailbox may be read by others."""

    def post(self, mail: Mail) -> None:
        """Drop the mail; events tell what happened."""

    async def forget_before(self, moment: datetime) -> int:  # noqa: ARG002 - the port's signature
        """Find nothing to remove."""
        return 0


class MailReader:
    """Reads the development mailbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> list[Mail]:
        """Return what is in it, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(table).order_by(table.c.id))
            return [Mail(**row) for row in rows.mappings()]
