"""What the servers hold for each service: a role and a database of its own, and a user of the broker.

What was made is written down beside the data by its fingerprint, so that a start that changes nothing asks nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from chassis.embedded import SUPERUSER, EmbeddedPostgres
from chassis.manifest import Manifest
from chassis.nats_users import permissions
from tradewind.credentials import Credentials

_VERSION = 1
"""Raised when what is made from the same manifests and passwords changes."""


async def provide_databases(
    server: EmbeddedPostgres, manifests: Mapping[str, Manifest], credentials: Credentials
) -> None:
    """Give each service that owns a database its role, with the current password, and its database."""
    passwords = {name: credentials.database(name) for name, manifest in manifests.items() if manifest.owns.database}
    mark = Mark(server.data / "tradewind.provided", passwords)
    if not mark.is_current():
        await _make_databases(server.superuser_dsn(SUPERUSER), passwords)
        mark.make()


async def _make_databases(dsn: str, passwords: Mapping[str, str]) -> None:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for service, password in passwords.items():
            verb = "ALTER" if service in roles else "CREATE"
            # Neither a name (by the manifest's pattern) nor a password (base64url) can hold a quote.
            await connection.execute(f"{verb} ROLE \"{service}\" LOGIN PASSWORD '{password}'")
            if service not in databases:
                await connection.execute(f'CREATE DATABASE "{service}" OWNER "{service}"')
                await connection.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
    finally:
        await connection.close()


def broker_users(folder: Path, manifests: Mapping[str, Manifest], credentials: Credentials) -> str:
    """Return NATS's ``authorization`` block: a user per service, who may do only what its manifest says."""
    passwords = {name: credentials.broker(name) for name in manifests}
    described = [manifest.model_dump_json() for manifest in manifests.values()]
    kept = folder / "users.conf"
    mark = Mark(folder / "tradewind.provided", [passwords, described])
    if not (mark.is_current() and kept.exists()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(_authorization(manifests, passwords))
        mark.make()
    return kept.read_text()


def _authorization(manifests: Mapping[str, Manifest], passwords: Mapping[str, str]) -> str:
    users = [
        {
            "user": name,
            "password": passwords[name],
            "permissions": {verb: {"allow": subjects} for verb, subjects in permissions(manifest).items()},
        }
        for name, manifest in manifests.items()
    ]
    return f"authorization: {json.dumps({'users': users}, indent=2)}\n"  # Its configuration language contains JSON.


class Mark:
    """Remembers in a file for which input something was made, without holding the input."""

    def __init__(self, path: Path, made_from: object) -> None:
        self._path = path
        self._fingerprint = hashlib.sha256(json.dumps([_VERSION, made_from]).encode()).hexdigest()

    def is_current(self) -> bool:
        """Tell whether it was made for this very input."""
        return self._path.exists() and self._path.read_text() == self._fingerprint

    def make(self) -> None:
        """Remember that it has been made."""
        self._path.write_text(self._fingerprint)
