"""Runs the system for tests as its user does, as processes, and takes care that nothing of it is left behind.

::

    with RunningSystem("--ephemeral") as system:
        call(system.address)

For journeys, benchmarks, and the tests of this package itself, which give it a checkout of fake services.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from chassis.children import die_with_parent

_STOP_SECONDS = 15
TRADEWIND = (sys.executable, "-m", "tradewind")


class NotStartedError(Exception):
    """The system did not start; what it said."""


class RunningSystem:
    """``tradewind up --json``, by default on a free port; stopped at the end of the block.

    Args:
        words: More words for ``up``.
        tradewind: The command itself.
        environment: Added to ours.
        wait: Return only when everything is ready.
    """

    def __init__(
        self,
        *words: str,
        tradewind: Sequence[str] = TRADEWIND,
        environment: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        self._command = [*tradewind, "up", "--json", *(() if "--port" in words else ("--port", "0")), *words]
        self._environment = {**os.environ, **(environment or {})}
        self._wait = wait
        self.address = ""
        self.state = Path()

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            preexec_fn=partial(die_with_parent, signal.SIGTERM),  # noqa: PLW1509 - tests start it from the main thread
        )
        if self._wait:
            self._read_ready_line()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        below = self.pids()
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in below:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._said.close()

    def said(self) -> str:
        """Return what it has shown besides the line that tells that it is ready."""
        self._said.seek(0)
        return self._said.read()

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return its parts by name, as the runner has written them down; cheaper than ``status --json``."""
        parts = json.loads((self.state / "run.json").read_text())["parts"]
        return {part["name"]: part for part in parts}

    def pid(self, part: str) -> int:
        """Return the process of a part that is up."""
        return int(self.parts()[part]["process"]["pid"])

    def pids(self) -> list[int]:
        """Return every process below it."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _read_ready_line(self) -> None:
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            self.process.wait()
            raise NotStartedError(self.said())
        ready = json.loads(line)
        self.address, self.state = ready["address"], Path(ready["state_dir"])


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not, and under some init processes nobody collects it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(what: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Tell whether ``what`` becomes true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
