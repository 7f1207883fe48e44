"""OAuth clients in PostgreSQL, to be changed within a unit of work."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.clients import Client
from chassis.database import lock_key


class SqlClientRepository:
    """The ``ClientRepository`` of one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, client: Client) -> None:
        """Keep a new client; see the port."""
        self._session.add(client)

    async def find(self, client_id: str) -> Client | None:
        """Return the client as it is; see the port."""
        return await self._session.get(Client, client_id)

    async def lock_all(self) -> list[Client]:
        """Return every client, and keep others from changing any; see the port."""
        await self._session.execute(select(func.pg_advisory_xact_lock(lock_key("clients"))))
        return list(await self._session.scalars(select(Client).execution_options(populate_existing=True)))

    async def remove(self, client: Client) -> None:
        """Forget the client; see the port."""
        await self._session.delete(client)
