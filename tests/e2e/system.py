"""The whole system as processes, started for the tests and gone with them."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

_SET_PARENT_DEATH_SIGNAL = 1
_START_SECONDS = 90
_STOP_SECONDS = 20
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class LocalSystem:
    """A running system: where it answers, where it keeps its things, and the process that runs it."""

    address: str
    state: Path
    runner: int

    def tradewind(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the local runner against this system."""
        return subprocess.run(
            [sys.executable, "-m", "tradewind", words[0], "--state-dir", str(self.state), *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_SECONDS,
        )

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return what `status --json` says, by part."""
        return {part["name"]: part for part in json.loads(self.tradewind("status", "--json").stdout)}

    def address_of(self, part: str) -> str:
        """Return where a part answers."""
        address: str = self._record(part)["address"]
        return address

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """Have a part dead, killed the hard way, for the length of the block, and then up again.

        The runner would start it anew, so it is made to stand still meanwhile; everything else goes on.
        """
        before = self._record(part)
        os.kill(self.runner, signal.SIGSTOP)
        try:
            os.kill(before["process"]["pid"], signal.SIGKILL)
            yield
        finally:
            os.kill(self.runner, signal.SIGCONT)
            deadline = time.monotonic() + _START_SECONDS
            while (found := self._record(part))["state"] != "ready" or found["restarts"] == before["restarts"]:
                assert time.monotonic() < deadline, found
                time.sleep(_LOOK_SECONDS)

    def metric(self, part: str, name: str) -> float:
        """Return the value of one of a part's metrics that has no labels."""
        shown = httpx2.get(self._record(part)["metrics"]).raise_for_status().text
        return next(float(line.split()[1]) for line in shown.splitlines() if line.startswith(f"{name} "))

    def _record(self, part: str) -> dict[str, Any]:
        """Return what the runner has written down of a part, which asks nobody."""
        parts: list[dict[str, Any]] = json.loads((self.state / "run.json").read_text())["parts"]
        return next(each for each in parts if each["name"] == part)

    def log(self, part: str) -> list[dict[str, Any]]:
        """Return the lines one part has logged, oldest first."""
        lines = []
        for line in (self.state / "logs" / f"{part}.log").read_text().splitlines():
            with suppress(json.JSONDecodeError):  # A line that is being written.
                lines.append(json.loads(line))
        return lines


@contextmanager
def local_system(*services: str, **environment: str) -> Iterator[LocalSystem]:
    """Start the system, or these services of it, on free ports with no data; stop it, leaving nothing behind."""
    only = ["--only", ",".join(services)] if services else []
    started = subprocess.Popen(
        [sys.executable, "-m", "tradewind", "up", "--ephemeral", "--port", "0", "--json", *only],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one call, no lock
    )
    output = started.stdout
    assert output is not None
    try:
        ready = output.readline()
        assert ready, f"the system did not start (status {started.wait(_START_SECONDS)}); what it said stands above"
        document = json.loads(ready)
        yield LocalSystem(document["address"], Path(document["state_dir"]), started.pid)
    finally:
        started.terminate()
        try:
            started.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            raise
        finally:
            output.close()


def _end_with_parent() -> None:
    """Have the kernel stop the system when the tests are killed."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
