"""The parts of the system as the supervisor sees them: something that is launched, answers, and may end."""

import asyncio
import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from chassis import children
from chassis.embedded import EmbeddedServer
from tradewind.runs import Place

_ANSWER_SECONDS = 2


class Part(ABC):
    """One part: a server or a service.

    ``address`` is where it is reached, ``metrics`` where its metrics are, ``log`` the file with all it says.
    """

    def __init__(self, name: str, *, address: str, metrics: str | None, log: Path) -> None:
        self.name = name
        self.address = address
        self.metrics = metrics
        self.log = log
        self._log_begins_at = 0

    def launch(self) -> None:
        """Start its process, from the main thread, without waiting for it.

        Raises:
            EmbeddedServerError, OSError: It cannot be started.
        """
        self._log_begins_at = self.log.stat().st_size if self.log.exists() else 0
        self._launch()

    def said(self) -> list[str]:
        """Return the lines it has written since it was launched."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._log_begins_at)
            return log.read().decode(errors="replace").splitlines()
        return []

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Its process; None while it is down."""

    @abstractmethod
    async def answers(self) -> bool:
        """Tell whether it is ready for use."""

    @abstractmethod
    def returncode(self) -> int | None:
        """Return how it ended; None while it runs."""

    @abstractmethod
    def ask_to_stop(self) -> None:
        """Ask its process to end, and return at once."""

    @abstractmethod
    def kill(self) -> None:
        """End its process, and what that has started, without asking."""

    def refusal(self) -> Exception | None:
        """Return the error that nothing can go on with when it ended before it was ever ready; None: try again."""
        return None

    @abstractmethod
    def _launch(self) -> None:
        """Start its process."""


class ServerPart(Part):
    """PostgreSQL or NATS."""

    def __init__(self, name: str, server: EmbeddedServer) -> None:
        super().__init__(name, address=f"127.0.0.1:{server.port}", metrics=None, log=server.log)
        self._server = server

    @property
    def pid(self) -> int | None:
        """Its process; None while it is down."""
        return self._server.pid if self.returncode() is None else None

    async def answers(self) -> bool:
        """Tell whether it accepts connections."""
        return self._server.answers()

    def returncode(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._server.returncode()

    def ask_to_stop(self) -> None:
        """Send the signal that makes it finish."""
        if self.pid is not None:
            os.kill(self.pid, self._server.stop_signals[0])

    def kill(self) -> None:
        """Use its other signals, then SIGKILL."""
        self._server.stop(seconds=0.3)

    def refusal(self) -> Exception | None:
        """Return why it did not start."""
        return self._server.failure()

    def _launch(self) -> None:
        self._server.launch()


class ServicePart(Part):
    """A service: ready when ``/readyz`` says so."""

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        environment: Callable[[], Mapping[str, str]],
        place: Place,
        log: Path,
        folder: Path,
        shared: Path | None = None,
    ) -> None:
        """Describe it.

        Args:
            name: The service's.
            command: What serves it.
            environment: Asked at each start.
            place: Where it will listen.
            log: The file with all it says.
            folder: Its working directory.
            shared: An empty folder for what several workers count, where there are several.
        """
        super().__init__(name, address=place.url, metrics=f"http://127.0.0.1:{place.metrics_port}/metrics", log=log)
        self._command = command
        self._environment = environment
        self._place = place
        self._folder = folder
        self._shared = shared
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None while it is down."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    async def answers(self) -> bool:
        """Tell whether ``/readyz`` answers 200."""
        return await is_ready(self._place.port)

    def returncode(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def ask_to_stop(self) -> None:
        """Send SIGTERM: finish what was begun, then end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to its session, workers included."""
        if self._process is not None:
            children.stop(self._process, seconds_each=0)

    def _launch(self) -> None:
        environment = dict(self._environment())
        if self._shared is not None:
            shutil.rmtree(self._shared, ignore_errors=True)
            self._shared.mkdir(mode=0o700, parents=True)
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(self._shared)
        with self.log.open("ab") as log:
            self._process = children.spawn(self._command, environment=environment, log=log, folder=self._folder)


async def is_ready(port: int) -> bool:
    """Tell whether the service on ``port`` answers ``/readyz`` with 200."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    return False
