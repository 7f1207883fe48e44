"""Word between the processes of one service that there is something to do: PostgreSQL's NOTIFY, outside transactions.

Nothing depends on it: who waits for work also looks by itself, and a ring that gets lost costs what that takes.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from sqlalchemy import text

from chassis import logs
from chassis.database import DATABASE_ERRORS, Database
from chassis.errors import UnavailableError
from chassis.tasks import end

Wake = Callable[[], None]

_PROVE_SECONDS = 10.0
"""A listener's connection may be dead without anybody having said so."""
_STATEMENT_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 2.0


class Doorbell:
    """Wakes whoever does a kind of work: directly in this process, by a NOTIFY for many rings in another.

    A NOTIFY within the transaction that made the work would be simpler. But PostgreSQL then holds one lock for all
    databases of the server until the commit is on disk, so that such transactions commit one after the other.

    Args:
        channel: The name of the kind of work, an SQL identifier.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._here: Wake | None = None
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that there is something to do; to be called once it is committed."""
        if self._here is None:
            self._rung.set()
        else:
            self._here()

    @contextmanager
    def answered(self, wake: Wake) -> Iterator[None]:
        """Call ``wake`` at each ring in this process, for as long as the work is done here."""
        self._here = wake
        try:
            yield
        finally:
            self._here = None

    @asynccontextmanager
    async def lifespan(self, database: Database) -> AsyncIterator[None]:
        """Carry rings to other processes for the length of the block."""
        task = asyncio.create_task(self._carry(database), name=f"doorbell-{self.channel}")
        try:
            yield
        finally:
            await end(task)

    async def _carry(self, database: Database) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            with suppress(UnavailableError):
                async with database.read() as connection:
                    await connection.execute(text(f"NOTIFY {self.channel}"))

    async def listen(self, database: Database, wake: Wake) -> None:
        """Call ``wake`` at each ring, here and elsewhere, until cancelled; a lost connection is made again."""
        log = logs.get("doorbell")
        pause = 0.1
        with self.answered(wake):
            while True:
                try:
                    async with database.direct_session(self.channel) as session:
                        await session.add_listener(self.channel, lambda *_: wake())
                        wake()  # Whatever was rung for before.
                        pause = 0.1
                        while True:
                            await session.execute("SELECT 1", timeout=_STATEMENT_SECONDS)
                            await asyncio.sleep(_PROVE_SECONDS)
                except (OSError, *DATABASE_ERRORS, UnavailableError) as error:
                    log.warning("nobody hears the doorbell", channel=self.channel, error=repr(error))
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads replicas, guards nothing
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
