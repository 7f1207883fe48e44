"""The processes of a measurement: pinned to a core, counted by their process tree, and gone afterwards.

With two cores or more, everything that serves runs on the first and the load generator on the last, so that neither
takes the other's time. CPU time is read from ``/proc`` in clock ticks (usually 10 ms), user and system together.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

from chassis import children

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, LOAD_CORES = ({CORES[0]}, {CORES[-1]})
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 180
PROFILES = "BENCH_PROFILES"
"""The environment variable naming a folder: programs of ours are then profiled and leave their reports there."""


class NotReadyError(Exception):
    """A process ended, or did not get ready in time; the message carries the end of its log."""


@contextmanager
def serving_cores(cores: set[int] = SERVER_CORES) -> Iterator[None]:
    """Start what serves in this block: children inherit the cores; afterwards this process has its own again."""
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, LOAD_CORES)


@contextmanager
def running(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    ready: Callable[[], bool],
    cores: set[int] = SERVER_CORES,
) -> Iterator[int]:
    """Run ``python`` with arguments in the checkout, and lend its pid once ``ready``; it ends with the block.

    Raises:
        NotReadyError: It ended at once or did not become ready.
    """
    with log.open("wb") as output, serving_cores(cores):
        process = children.spawn(
            [sys.executable, *arguments],
            environment={**plain_environment(), **environment},
            log=output,
            folder=ROOT,
        )
    try:
        _wait(process, ready, log)
        yield process.pid
    finally:
        children.stop(process, SIGTERM, seconds_each=10)


def program(module: str, *arguments: str, name: str) -> list[str]:
    """Return the arguments with which ``python`` runs a program of ours, profiled where that was asked for."""
    folder = os.environ.get(PROFILES)
    if folder is None:
        return ["-m", module, *arguments]
    return ["-m", "bench.profiled", str(Path(folder) / f"{name}.txt"), module, *arguments]


def plain_environment() -> dict[str, str]:
    """Return what every process needs, and nothing that a developer's shell may have set for a service."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time that processes and all their descendants have used, those that have ended included."""
    stats = _stats()
    return sum(stats[pid][1] for root in roots for pid in _tree(root, stats)) / TICKS_PER_SECOND


def pss_bytes(root: int) -> int:
    """Return the memory of a process and all its descendants, what they share counted once (PSS)."""
    total = 0
    for pid in _tree(root, _stats()):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # It has ended since it was listed.
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _tree(root: int, stats: Mapping[int, tuple[int, int]]) -> list[int]:
    """Return the process and its descendants, those that still exist."""
    found, wanted = [], [root]
    while wanted:
        pid = wanted.pop()
        if pid in stats:
            found.append(pid)
            wanted += [child for child, (parent, _) in stats.items() if parent == pid]
    return found


def _stats() -> dict[int, tuple[int, int]]:
    """Return parent and clock ticks by pid; the ticks of children that were waited for count as their parent's."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # It has ended since the folder was listed.
            continue
        found[int(path.parent.name)] = (int(fields[1]), sum(int(each) for each in fields[11:15]))
    return found


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotReadyError(f"{log.stem} did not get ready:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)
