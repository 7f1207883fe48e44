"""HTTP servers of a measurement: a service of ours as ``python -m chassis serve``, or a bare application on uvicorn.

Ours run as in production: JSON logs with the access log on (to a file), metrics on, tracing off, the chassis' defaults
for everything else. Bare ones have uvicorn's fast parts and no access log.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.load import Target, burst
from bench.processes import ROOT, SERVER_CORES, cpu_seconds, program, running
from bench.tokens import Issuer

from chassis.children import free_ports


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers on a port of 127.0.0.1."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def bare(
    app: str,
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
    cores: set[int] = SERVER_CORES,
) -> Iterator[Server]:
    """Serve ``module:app`` with uvicorn, as fast as it can, on a port that is free or was found before."""
    port = port or free_ports(1)[0]
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    with running(
        ["-m", "uvicorn", *options, "--host", "127.0.0.1", "--port", str(port), app],
        environment=environment or {},
        log=folder / f"{app.replace(':', '.')}.{port}.log",
        ready=lambda: _answers(port),
        cores=cores,
    ) as pid:
        yield Server(pid, port)


@contextmanager
def service(
    name: str, *, folder: Path, issuer: Issuer, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Serve one of our services with its production defaults, migrated, and lend it once it says that it is ready."""
    port, metrics_port = free_ports(2)
    settings = {
        "SERVICE": name,
        "ENVIRONMENT": "production",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "TOKENS__ISSUER": issuer.url,
        "TOKENS__JWKS_URL": issuer.jwks_url,
        "PYTHONPATH": str(ROOT / "bench" / "ours"),
        **(environment or {}),
    }
    with running(
        program("chassis", "serve", "--migrate", name=name),
        environment=settings,
        log=folder / f"{name}.log",
        ready=lambda: _is_ready(port),
    ) as pid:
        yield Server(pid, port)


class Requests:
    """How a target is asked during one round.

    Args:
        connections: Requests under way at once.
        seconds: The length of a round.
    """

    def __init__(self, *, connections: int, seconds: float) -> None:
        self._connections = connections
        self._seconds = seconds

    def per_second(self, target: Target) -> float:
        """Return how many requests were answered a second."""
        done = burst(target, connections=self._connections, seconds=self._seconds)
        return done.requests / done.seconds

    def per_cpu_second(self, target: Target, processes: list[int]) -> float:
        """Return how many requests the processes and their children answer in a second of CPU time."""
        return 1e6 / self.cpu_microseconds(target, processes)

    def cpu_microseconds(self, target: Target, processes: list[int]) -> float:
        """Return the CPU time of one request, of the processes and their children together."""
        before = cpu_seconds(processes)
        done = burst(target, connections=self._connections, seconds=self._seconds)
        return (cpu_seconds(processes) - before) / done.requests * 1e6


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
