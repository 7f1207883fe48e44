"""Other processes, named by pid and start time together: a pid alone may since belong to a stranger."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process and no other; ``started`` is the system's own reading of when, comparable and nothing else."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Name the process that has ``pid`` now; None when there is none, or a dead one nobody has collected."""
        try:
            is_dead = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            return None if is_dead else cls(pid, _started(pid))
        except (psutil.Error, OSError):
            return None

    @classmethod
    def me(cls) -> "ProcessId":
        """Name this process."""
        return cls(os.getpid(), _started(os.getpid()))

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return ProcessId.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive():
            psutil.Process(self.pid).send_signal(number)


def _started(pid: int) -> float:
    """Return clock ticks since boot where the system tells them: the epoch's seconds shift with the clock."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        return float(stat.read_text().rpartition(")")[2].split()[19])
    return psutil.Process(pid).create_time()


def wait_until_gone(processes: Iterable[ProcessId], *, seconds: float) -> list[ProcessId]:
    """Return those that still run after ``seconds``; at once when all have ended."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if process.is_alive()]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if process.is_alive()]
    return left


def memory_bytes(pid: int, *, descendants: bool = True) -> int | None:
    """Return the memory of a process, and of its descendants; None when it is gone or may not be looked at.

    On Linux each one's share of it (PSS), elsewhere what each has for itself (USS).
    """
    try:
        process = psutil.Process(pid)
        below = process.children(recursive=True) if descendants else []
        return sum(_share(each) for each in [process, *below])
    except psutil.Error:
        return None


def _share(process: psutil.Process) -> int:
    try:
        used = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    return int(getattr(used, "pss", used.uss))
