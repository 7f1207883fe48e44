"""What this machine has and lacks for running the system, in plain words, and how to mend it."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from chassis import unprivileged
from chassis.embedded import EmbeddedServerError, find_nats, find_postgres
from tradewind.checkout import Checkout, CheckoutError
from tradewind.cluster import examine_cluster
from tradewind.findings import Finding
from tradewind.state import State

_NEEDED_BYTES = 500_000_000
_MINIMUM_PYTHON = (3, 11)
_USUAL_PORT = 8000


def examine(checkout: Checkout, state: State) -> Iterator[Finding]:
    """Yield what was found, one thing at a time."""
    yield _python()
    yield _system()
    yield _binary("PostgreSQL", find_postgres)
    yield _binary("nats-server", find_nats)
    yield _root(state)
    yield from _services(checkout)
    yield _run(state)
    yield _disk(state)
    yield _psql()
    yield from examine_cluster(checkout.root)


def _python() -> Finding:
    what = f"Python {platform.python_version()} ({sys.executable})"
    return Finding(what, "" if sys.version_info >= _MINIMUM_PYTHON else "Use Python 3.11 or later.")


def _system() -> Finding:
    what = f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver()).strip() or 'no glibc'}"
    if platform.system() == "Linux":
        return Finding(what)
    return Finding(what, "Only Linux ends the parts of a killed runner; here `down` does.", serious=False)


def _binary(name: str, find: Callable[[], Path]) -> Finding:
    try:
        return Finding(f"{name} ({find()})")
    except EmbeddedServerError as error:
        return Finding(name, str(error))


def _root(state: State) -> Finding:
    if os.geteuid() != 0:
        return Finding(f"an ordinary user (uid {os.geteuid()})")
    if unprivileged.user_namespaces_work():
        return Finding("root; PostgreSQL, which refuses root, runs in a user namespace")
    what = "root, without user namespaces: PostgreSQL runs as nobody"
    for path in (state.folder.parent, *_postgres_folder()):
        if closed := unprivileged.unreachable(path, unprivileged.NOBODY):
            return Finding(what, f"Nobody may not enter {closed}: run as an ordinary user, or move the checkout.")
    return Finding(what)


def _postgres_folder() -> list[Path]:
    try:
        return [find_postgres()]
    except EmbeddedServerError:
        return []


def _services(checkout: Checkout) -> Iterator[Finding]:
    try:
        names = list(checkout.manifests)
    except CheckoutError as error:
        yield Finding("services", str(error))
        return
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    mend = f"Not installed: {', '.join(missing)}. `make run` installs them." if missing else ""
    yield Finding(f"services: {', '.join(names)}", mend)


def _run(state: State) -> Finding:
    if run := state.living_run():
        return Finding(f"running at {run.network.public_url} (process {run.runner.pid})")
    if state.folder.exists() and state.folder.stat().st_mode & 0o066:
        return Finding(f"{state.folder}", f"Others may look into it: chmod 700 {state.folder}")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", _USUAL_PORT)) == 0:
            mend = "Another program uses it: give `up` another --port."
            return Finding(f"port {_USUAL_PORT}", mend, serious=False)
    return Finding(f"port {_USUAL_PORT} is free")


def _disk(state: State) -> Finding:
    place = next(folder for folder in [state.folder, *state.folder.parents] if folder.exists())
    free = shutil.disk_usage(place).free
    mend = f"Make room: less than {_NEEDED_BYTES / 1e6:.0f} MB are left." if free < _NEEDED_BYTES else ""
    return Finding(f"{free / 1e9:.1f} GB free for {state.folder}", mend)


def _psql() -> Finding:
    from tradewind.console import find_psql

    found = find_psql()
    mend = "" if found else "Only `psql` needs it (Debian: apt install postgresql-client)."
    return Finding(f"psql ({found or 'missing'})", mend, serious=False)
