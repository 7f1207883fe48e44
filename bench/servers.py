"""The PostgreSQL and the NATS of a measurement: the embedded ones, with fsync and everything else on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from bench.processes import serving_cores

from chassis.embedded import EmbeddedNats, EmbeddedPostgres


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers, running."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats | None

    @property
    def pids(self) -> list[int]:
        """The processes; PostgreSQL's backends are children of the first."""
        return [each.pid for each in (self.postgres, self.nats) if each is not None and each.pid is not None]

    @property
    def broker_url(self) -> str:
        """Where NATS is, if it was asked for."""
        assert self.nats is not None
        return self.nats.url

    def settings(self, database: str) -> dict[str, str]:
        """Return a service's environment for its own database, given by ``create_database``, and this broker."""
        return {
            "DATABASE__URL": database.replace("postgresql://", "postgresql+asyncpg://", 1),
            "BROKER__URL": self.broker_url,
        }

    def create_database(self, name: str) -> str:
        """Make a database and return its ``postgresql://`` address."""
        asyncio.run(_execute(self.postgres.superuser_dsn("postgres"), f'CREATE DATABASE "{name}"'))
        return self.postgres.superuser_dsn(name)


@contextmanager
def servers(folder: Path, *, broker: bool = True) -> Iterator[Servers]:
    """Run both, or PostgreSQL alone, for the block, on the servers' core."""
    postgres, nats = EmbeddedPostgres(folder / "postgres"), EmbeddedNats(folder / "nats") if broker else None
    try:
        with serving_cores():
            postgres.start()
            if nats is not None:
                nats.start()
        yield Servers(postgres, nats)
    finally:
        if nats is not None:
            nats.stop()
        postgres.stop()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
