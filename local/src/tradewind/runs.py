"""One run of the system as its runner writes it down: addresses, processes, states. ``run.json`` holds it."""

from dataclasses import dataclass, field
from typing import Any

from tradewind.processes import ProcessId


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service listens."""

    port: int
    metrics_port: int

    @property
    def url(self) -> str:
        """The base address of its API."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Network:
    """Every address of one run; ``public_url`` is the gateway's, and the issuer of tokens."""

    public_url: str
    postgres_port: int
    nats_port: int
    places: dict[str, Place]
    workers: int = 1


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What is known of a part; ``process`` is None while it is down."""

    name: str
    state: str
    address: str
    metrics: str | None
    restarts: int
    process: ProcessId | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the system, as its runner wrote it down."""

    runner: ProcessId
    network: Network
    parts: list[PartRecord] = field(default_factory=list)

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Run | None":
        """Read what ``dataclasses.asdict`` made of a run; None when another version of this program wrote it."""
        try:
            network = document["network"]
            places = {name: Place(**place) for name, place in network["places"].items()}
            return cls(
                runner=ProcessId(**document["runner"]),
                network=Network(**{**network, "places": places}),
                parts=[
                    PartRecord(**{**part, "process": ProcessId(**part["process"]) if part["process"] else None})
                    for part in document["parts"]
                ],
            )
        except (KeyError, TypeError, AttributeError):
            return None

    def is_alive(self) -> bool:
        """Tell whether its runner still runs."""
        return self.runner.is_alive()

    def leftovers(self) -> list[ProcessId]:
        """Return the processes of its parts that still run."""
        return [part.process for part in self.parts if part.process is not None and part.process.is_alive()]
