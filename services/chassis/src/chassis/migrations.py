"""Schema changes: Alembic's revisions under an advisory lock, without an ``env.py`` in every service.

A service keeps its revisions in ``migrations/versions``; the first one calls ``create_chassis_tables``. Revisions use
what PostgreSQL 15 knows and follow expand/contract: the code of the previous release must run on the new schema.
"""

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from chassis.database import Database, create_engine, lock_key
from chassis.errors import UnavailableError
from chassis.settings import DatabaseSettings
from chassis.tables import chassis_metadata

_REVISION = re.compile(r"^revision(?:: str)? = [\"'](\w+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision(?:: [^=]+)? = [\"'](\w+)[\"']", re.MULTILINE)


class SchemaOutdatedError(UnavailableError):
    """The database's schema is older than this code."""

    code = "schema-outdated"
    title = "The schema is older than the code"


def create_chassis_tables(op: Any) -> None:
    """Create the outbox, inbox and the other tables of ``chassis.tables``; for a service's first revision."""
    chassis_metadata.create_all(op.get_bind(), checkfirst=False)


def drop_chassis_tables(op: Any) -> None:
    """Undo ``create_chassis_tables``."""
    chassis_metadata.drop_all(op.get_bind(), checkfirst=False)


def revisions(service_dir: Path) -> tuple[set[str], str | None]:
    """Return every revision the code knows and the newest one, read without importing Alembic (0.3 s).

    Raises:
        ValueError: The revisions have more than one head.
    """
    known: set[str] = set()
    replaced: set[str] = set()
    for path in (service_dir / "migrations" / "versions").glob("*.py"):
        source = path.read_text()
        known.update(_REVISION.findall(source))
        replaced.update(_DOWN_REVISION.findall(source))
    heads = known - replaced
    if len(heads) > 1:
        raise ValueError(f"{service_dir}: several head revisions: {', '.join(sorted(heads))}")
    return known, next(iter(heads), None)


class SchemaCheck:
    """A readiness check: the schema is at least as new as the code. A newer one is fine (expand/contract)."""

    def __init__(self, database: Database, service_dir: Path) -> None:
        self._database = database
        self._known, self._head = revisions(service_dir)
        self._passed = False

    async def __call__(self) -> None:
        """Compare once; a schema that was new enough stays so.

        Raises:
            SchemaOutdatedError: Migrations have not run yet.
        """
        if self._passed or self._head is None:
            return
        found = await self._version()
        if found is None or (found in self._known and found != self._head):
            raise SchemaOutdatedError(f"The schema is at {found or 'nothing'}, the code needs {self._head}.")
        self._passed = True

    async def _version(self) -> str | None:
        try:
            async with self._database.read() as connection:
                version: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except ProgrammingError:
            return None
        return version


async def migrate(settings: DatabaseSettings, service: str, service_dir: Path, *, target: str = "head") -> bool:
    """Bring the schema to ``target``; safe from any number of replicas at once.

    Returns:
        True if anything was done; at the head already it answers at once.
    """
    known, head = revisions(service_dir)
    if not known:
        return False
    engine = create_engine(settings, service=f"{service}-migrate", direct=True)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": lock_key("migrations")})
            await connection.commit()
            found = await connection.run_sync(_current_version)
            if target == "head" and (found == head or (found is not None and found not in known)):
                return False
            await connection.run_sync(_run, service_dir / "migrations", target)
            await connection.commit()
            return True
    finally:
        await engine.dispose()


def _current_version(connection: Connection) -> str | None:
    exists = connection.scalar(text("SELECT to_regclass('alembic_version')"))
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    connection.commit()
    return version


def _run(connection: Connection, folder: Path, target: str) -> None:
    # Alembic takes 0.3 s to import, and almost every start finds nothing to do.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])

    def steps(revision: Any, _context: Any) -> Any:
        if (
            target != "head"
            and revision
            and target in (step.revision for step in script.iterate_revisions(revision, "base"))
        ):
            return script._downgrade_revs(target, revision)  # noqa: SLF001 - what alembic's own command calls
        if target == "base":
            return script._downgrade_revs(target, revision)  # noqa: SLF001
        return script._upgrade_revs(target, revision)  # noqa: SLF001

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
        with environment.begin_transaction():
            environment.run_migrations()
