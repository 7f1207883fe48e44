"""A PostgreSQL console on one service's database."""

import os
import shutil
from pathlib import Path

from chassis.embedded import EmbeddedServerError, find_postgres
from tradewind.checkout import CheckoutError
from tradewind.errors import TradewindError
from tradewind.session import Session


class NoConsoleError(TradewindError):
    """There is no psql; the sentence says what to do instead."""


def run_psql(session: Session, service: str, words: tuple[str, ...]) -> None:
    """Become psql, connected as the service; ``words`` are psql's own arguments. Does not return.

    Raises:
        CheckoutError: There is no such service, or it has no database.
        NoConsoleError: psql is neither on PATH nor beside PostgreSQL.
    """
    owners = [name for name, manifest in session.checkout.manifests.items() if manifest.owns.database]
    if service not in owners:
        raise CheckoutError(f"No service {service!r} owns a database; these do: {', '.join(owners)}.")
    port, password = session.run.network.postgres_port, session.credentials.database(service)
    program = find_psql()
    if program is None:
        raise NoConsoleError(
            "psql is missing (Debian: apt install postgresql-client); any client can use\n"
            f"postgresql://{service}:{password}@127.0.0.1:{port}/{service}"
        )
    # The password goes by the environment: arguments can be read by everybody on the machine.
    address = f"postgresql://{service}@127.0.0.1:{port}/{service}"
    os.execve(program, [str(program), address, *words], {**os.environ, "PGPASSWORD": password})  # noqa: S606 - psql


def find_psql() -> Path | None:
    """Return psql from PATH, else the one beside PostgreSQL's own programs, else None."""
    if on_path := shutil.which("psql"):
        return Path(on_path)
    try:
        beside = find_postgres() / "psql"
    except EmbeddedServerError:
        return None
    return beside if beside.is_file() else None
