"""The state folder: everything the local system writes, ours only (0700, files 0600), safe to delete when it is down.

::

    .tradewind/
      secrets.json   made at the first start: passwords of databases, broker, OAuth clients, accounts
      run.json       who runs now, where: pid and start time of the runner and of each part
      lock           held by the runner while it lives; the kernel lets go of it however it ends
      logs/          one file a part      postgres/  nats/   their data
      metrics/       what the workers of one service share about their counters (`--workers`)
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from chassis import unprivileged
from tradewind.credentials import Credentials
from tradewind.runs import Run

_OURS = ("postgres", "nats", "logs", "secrets.json", "run.json", "lock", "metrics")


class AlreadyRunningError(Exception):
    """Another runner holds the state folder."""


class State:
    """A state folder; made by ``prepare``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.postgres = self.folder / "postgres"
        self.nats = self.folder / "nats"
        self.metrics = self.folder / "metrics"
        self._lock: IO[str] | None = None

    def prepare(self) -> None:
        """Make the folder, closed to others. Where PostgreSQL has to run as nobody, it may pass through, not look."""
        passable = unprivileged.identity().user is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711 if passable else 0o700)
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def lock(self) -> None:
        """Hold the folder until this process ends.

        Raises:
            AlreadyRunningError: Another process holds it.
        """
        lock = os.fdopen(os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise AlreadyRunningError from error
        self._lock = lock

    def unlock(self) -> None:
        """Let others have the folder, before this process ends."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def run(self) -> Run | None:
        """Return the last run that was written down, whether it lives or not."""
        document = self._read("run.json")
        return None if document is None else Run.read(document)

    def living_run(self) -> Run | None:
        """Return the run that is under way."""
        run = self.run()
        return run if run is not None and run.is_alive() else None

    def save_run(self, run: Run) -> None:
        """Write down a run in place of the last one."""
        self._write("run.json", asdict(run))

    def forget_run(self) -> None:
        """Remove what was written down: everything is down."""
        (self.folder / "run.json").unlink(missing_ok=True)

    def credentials(self, services: Iterable[str]) -> Credentials:
        """Return the passwords, made where one is missing."""
        kept = Credentials(self._read("secrets.json") or {})
        if kept.complete(services):
            self._write("secrets.json", kept.document)
        return kept

    def exists(self) -> bool:
        """Tell whether anything was ever started here."""
        return any((self.folder / name).exists() for name in _OURS)

    def remove(self) -> None:
        """Delete what is ours in the folder, and the folder when nothing else is in it."""
        for name in _OURS:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads((self.folder / name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return document

    def _write(self, name: str, document: dict[str, Any]) -> None:
        """Replace a file at once, so that a reader never sees half of it."""
        unfinished = self.folder / f".{name}"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(document, indent=2) + "\n")
        unfinished.rename(self.folder / name)
