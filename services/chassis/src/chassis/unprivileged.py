"""How a program that refuses root is run by root, as PostgreSQL is.

First choice is a user namespace: inside it we are nobody, outside still ourselves, so that folders that only we may
enter stay reachable and files stay ours. Where the kernel or a container's seccomp profile forbids that, the program
runs as the uid of nobody, and everything it needs has to be reachable by that uid.

Source: user_namespaces(7).
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a child runs: ``user`` is another uid, ``before`` something it does to itself; both None is ourselves."""

    user: int | None = None
    before: Callable[[], None] | None = None


def identity() -> Identity:
    """Return the identity for a program that refuses root: ourselves, unless we are root."""
    if os.geteuid() != 0:
        return Identity()
    return Identity(before=enter_user_namespace) if user_namespaces_work() else Identity(user=NOBODY)


def enter_user_namespace() -> None:
    """Make the calling process nobody in a user namespace of its own; its uid outside does not change.

    Raises:
        OSError: The system does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/setgroups").write_text("deny")  # The kernel wants this before an unprivileged gid_map.
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


@cache
def user_namespaces_work() -> bool:
    """Tell whether a child of ours can enter a user namespace, by letting one try."""
    program = shutil.which("true")
    if sys.platform != "linux" or program is None:
        return False
    try:
        subprocess.run([program], preexec_fn=enter_user_namespace, check=True)  # noqa: S603 - /usr/bin/true
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def unreachable(path: Path, user: int) -> Path | None:
    """Return the first folder on the way to ``path`` that ``user`` may not enter, None when it gets there."""
    for folder in [*reversed(path.resolve().parents), path.resolve()]:
        if not folder.exists():
            return None
        status = folder.stat()
        allowed = 0o100 if status.st_uid == user else 0o001
        if folder.is_dir() and not status.st_mode & allowed:
            return folder
    return None


def give(path: Path, user: int) -> None:
    """Make ``user`` the owner of a file, or of a folder and everything below it."""
    os.chown(path, user, user)
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            os.chown(Path(folder) / name, user, user, follow_symlinks=False)
