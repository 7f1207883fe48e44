"""The service's own PostgreSQL: one pool, one unit of work per request or message, and cheap reads.

``transaction`` is the unit of work: it commits at the end of the block and rolls back on any exception, so errors
are raised, never returned. ``read`` is for hot reads: Core rows on an autocommit connection, no BEGIN and no COMMIT.

A database that cannot be reached, refuses for lack of resources or takes too long is ``DatabaseAwayError`` (503).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import greenlet_spawn

from chassis.connections import DriverConnections
from chassis.errors import UnavailableError
from chassis.settings import DatabaseSettings
from chassis.transactions import open_unit

BeforeCommit = Callable[[AsyncSession], Awaitable[None]]
AfterCommit = Callable[[AsyncSession], None]

_AWAY_STATES = ("08", "53", "57", "40001", "40P01")
"""SQLSTATEs after which asking again is right: connection, resources, operator intervention, serialisation.

Source: PostgreSQL documentation, appendix A.
"""

_KEEPALIVES = "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
_DRIVER_CONNECTIONS = 3
"""Beside the pool's, for lookups: they are short, and wait for each other rather than for the server."""


class DatabaseAwayError(UnavailableError):
    """The service's own database cannot answer now; asking again later is safe."""

    code = "database-unavailable"
    title = "The database cannot answer now"


class Database:
    """A pool of connections to one database.

    ``before_commit`` hooks run inside the transaction, after the block and before COMMIT (the outbox writes its rows
    there); ``after_commit`` hooks run once the commit has happened and must not fail.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        service: str,
        before_commit: Sequence[BeforeCommit] = (),
        after_commit: Sequence[AfterCommit] = (),
    ) -> None:
        self.settings = settings
        self.service = service
        self.before_commit = list(before_commit)
        self.after_commit = list(after_commit)
        self.engine = create_engine(settings, service=service)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, sync_session_class=_Session)
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.driver = DriverConnections(self.engine, most=_DRIVER_CONNECTIONS)

    @property
    def direct_url(self) -> str:
        """Where to connect for a session of one's own: never a transaction pooler."""
        return (self.settings.direct_url or self.settings.url).get_secret_value()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Close the pool at the end. Connections open on first use: the service starts without its database."""
        try:
            yield
        finally:
            await self.driver.close()
            await self.engine.dispose()

    async def check(self) -> None:
        """Ask the database the shortest question.

        Raises:
            DatabaseAwayError: It does not answer.
        """
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open one unit of work; commit at the end of the block, roll back if it raises.

        Raises:
            DatabaseAwayError: The database could not be reached, or went away before the commit was certain.
        """
        # Who waits for a connection comes first: a loop of transactions would take each again before they wake.
        await asyncio.sleep(0)
        session = self._sessions()
        try:
            with _away_as_unavailable():
                await _connected(session)
                open_unit.set(True)
                yield session
                for prepare in self.before_commit:
                    await prepare(session)
                await session.commit()
        except BaseException:
            # Rolls back, to its end even when cancelled again: nothing half done goes back to the pool. After a commit
            # there is nothing to close, and closing all the same would cost a task per transaction.
            await session.__aexit__(None, None, None)
            raise
        finally:
            open_unit.set(False)
        for announce in self.after_commit:
            announce(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which every statement is its own transaction.

        Raises:
            DatabaseAwayError: The database could not be reached, or went away.
        """
        with _away_as_unavailable():
            try:
                connection = await self._reading.connect()
            except OSError as error:
                raise DatabaseAwayError from error
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def direct_session(self, purpose: str) -> AsyncIterator[Any]:
        """Lend a session that is nobody else's, whatever pooler stands before the database; asyncpg, undisguised.

        It ends by closing, not by a polite goodbye: the peer may be gone, and closing is what frees its locks. When
        its node vanishes, the server notices after ten seconds.
        """
        engine = create_engine(self.settings, service=f"{self.service}-{purpose}", direct=True)
        try:
            async with engine.connect() as connection:
                raw: Any = (await connection.get_raw_connection()).driver_connection
                await raw.execute(_KEEPALIVES)
                try:
                    yield raw
                finally:
                    raw.terminate()
        finally:
            with suppress(*DATABASE_ERRORS):
                await engine.dispose()


class _Session(Session):
    """A unit of work that keeps whatever it has touched.

    SQLAlchemy's own refers to unchanged objects weakly: an aggregate that was flushed and that nobody holds any more
    would be gone at the commit, and its events with it.
    """


def _keep(session: Session, instance: object) -> None:
    session.info.setdefault("touched", []).append(instance)


for _happening in ("pending_to_persistent", "loaded_as_persistent"):
    event.listen(_Session, _happening, _keep)


def create_engine(settings: DatabaseSettings, *, service: str, direct: bool = False) -> AsyncEngine:
    """Make an engine whose pool never holds more than ``pool_size`` connections (one for a ``direct`` engine)."""
    url = (direct and settings.direct_url) or settings.url
    pooled = settings.behind_pgbouncer and not direct
    connect_args: dict[str, Any] = {"timeout": 5, "server_settings": {"application_name": service}}
    if pooled:
        # A transaction pooler hands each transaction another session: nothing may be remembered in one.
        connect_args |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    else:
        milliseconds = str(int(settings.statement_timeout_seconds * 1000))
        connect_args["server_settings"] |= {"jit": "off"}
        if not direct:
            connect_args["server_settings"] |= {
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": milliseconds,
            }
    engine = create_async_engine(
        url.get_secret_value(),
        pool_size=1 if direct else settings.pool_size,
        max_overflow=0,
        pool_timeout=5,
        connect_args=connect_args,
        hide_parameters=True,  # Errors are logged, and what is bound may be personal or secret.
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Make the pool replace a connection that the server has closed; asyncpg knows without a round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def _connected(session: AsyncSession) -> None:
    """Check a connection out now, so that only this line can meet a bare OSError from connecting."""
    try:
        await greenlet_spawn(session.sync_session.connection)
    except OSError as error:
        raise DatabaseAwayError from error


DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
DATABASE_ERRORS = (PoolTimeoutError, DBAPIError, *DRIVER_ERRORS)
"""What SQLAlchemy and the driver raise; ``is_away`` tells which of them mean that the database is away."""


class _away_as_unavailable:  # noqa: N801 - reads as a verb at its only uses
    """Turn what means "the database is away" into ``DatabaseAwayError``; a plain class costs less than a generator."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DATABASE_ERRORS) and is_away(error):
            raise DatabaseAwayError from error


def is_away(error: BaseException) -> bool:
    """Tell whether an error of SQLAlchemy or of the driver means that the database is away."""
    if isinstance(error, asyncpg.InterfaceError):
        # Also what asyncpg says of a value it cannot encode, which is nobody's absence.
        return not isinstance(error, ValueError)
    # asyncpg's internal error: the server ended the connection while a statement was being sent.
    if isinstance(error, OSError | PoolTimeoutError | asyncpg.InternalClientError):
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return getattr(error, "connection_invalidated", False) or (
        isinstance(state, str) and state.startswith(_AWAY_STATES)
    )


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that was violated, so that a repository can raise its domain error."""
    cause = getattr(error.orig, "__cause__", None)
    name = getattr(cause, "constraint_name", None)
    return name if isinstance(name, str) else None


def lock_key(name: str) -> int:
    """Return the 64-bit key of a named advisory lock; a database is one service's, so names need no prefix."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def unit_of_work_open() -> bool:
    """Tell whether this task holds a transaction open; network calls are refused then."""
    return open_unit.get()


async def database_of(request: Request) -> Database:
    """Return the service's database."""
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(database_of)]


async def unit_of_work(database: DatabaseDep) -> AsyncIterator[AsyncSession]:
    """Give a request its unit of work; it commits before the answer is sent (``scope="function"``)."""
    async with database.transaction() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(unit_of_work, scope="function")]
"""The request's unit of work. FastAPI's default scope would commit after the answer was sent."""
