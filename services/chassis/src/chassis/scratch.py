"""Folders for what tests write a lot of and throw away: in memory, where a machine offers that.

A file system that is made to last takes a third of the time of tests that each make and drop a database.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - folders there have names that nobody can guess
_PREFIX = "tradewind-scratch-"
_LEAST_BYTES = 4 << 30
_YOUNG_SECONDS = 60


@contextmanager
def scratch(otherwise: Path, *, memory: Path = MEMORY) -> Iterator[Path]:
    """Lend a folder in memory until the end of the block; ``otherwise`` where there is none, or too little of it."""
    if not _has_room(memory):
        yield otherwise
        return
    _sweep(memory)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=memory, ignore_cleanup_errors=True) as name:
        held = _hold(Path(name))
        # PostgreSQL runs as somebody else where we are root: others may pass through, not look.
        Path(name).chmod(0o711)
        try:
            yield Path(name)
        finally:
            os.close(held)


def _has_room(memory: Path) -> bool:
    try:
        return os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free >= _LEAST_BYTES
    except OSError:
        return False


def _sweep(memory: Path) -> None:
    """Remove folders whose process was killed before it could."""
    for folder in memory.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            # One that was just made is not held yet.
            if time.time() - folder.stat().st_ctime > _YOUNG_SECONDS:
                held = _hold(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(held)


def _hold(folder: Path) -> int:
    """Hold a folder for as long as this process lives.

    Raises:
        OSError: Somebody else holds it, or may.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held
