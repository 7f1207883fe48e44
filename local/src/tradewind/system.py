"""The whole system as parts: two servers, and a process for each service that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis import children
from chassis.embedded import EmbeddedNats, EmbeddedPostgres
from tradewind.checkout import GATEWAY, Checkout
from tradewind.credentials import Credentials
from tradewind.environment import Environments
from tradewind.parts import ServerPart, ServicePart
from tradewind.provision import broker_users, provide_databases
from tradewind.runs import Network, Place
from tradewind.state import State


def choose_network(services: Sequence[str], *, public_port: int, workers: int) -> Network:
    """Give every service an address, on free ports; only the gateway's is chosen by the user, 0 means any."""
    ports = iter(children.free_ports(2 * len(services) + 3))
    public_port = public_port or next(ports)
    places = {
        name: Place(port=public_port if name == GATEWAY else next(ports), metrics_port=next(ports)) for name in services
    }
    return Network(
        public_url=f"http://127.0.0.1:{public_port}",
        postgres_port=next(ports),
        nats_port=next(ports),
        places=places,
        workers=workers,
    )


@dataclass
class System:
    """Makes the parts of one run.

    ``wanted`` are the services to start; the others have addresses too, where nobody listens. Data that are not
    ``kept`` survive every process, but need not survive the machine.
    """

    checkout: Checkout
    state: State
    network: Network
    credentials: Credentials
    wanted: Sequence[str]
    kept: bool = True

    def servers(self) -> list[ServerPart]:
        """Return PostgreSQL and NATS, the latter with a user for each service."""
        self._postgres = EmbeddedPostgres(
            self.state.postgres,
            port=self.network.postgres_port,
            fsync=self.kept,
            log=self.state.logs / "postgres.log",
        )
        users = broker_users(self.state.nats, self.checkout.manifests, self.credentials)
        nats = EmbeddedNats(
            self.state.nats, port=self.network.nats_port, config=users, log=self.state.logs / "nats.log"
        )
        return [ServerPart("postgres", self._postgres), ServerPart("nats", nats)]

    async def provide_databases(self) -> None:
        """Give each service its role and database, once PostgreSQL is there."""
        await provide_databases(self._postgres, self.checkout.manifests, self.credentials)

    def services(self) -> list[ServicePart]:
        """Return the wanted services, which migrate their databases when they start."""
        environments = Environments(self.checkout.manifests, self.network, self.credentials)
        shared = self.state.metrics if self.network.workers > 1 else None
        return [
            ServicePart(
                name,
                command=self.checkout.command("serve", "--migrate"),
                environment=lambda name=name: environments.of(name),  # type: ignore[misc] # mypy cannot infer defaults
                place=self.network.places[name],
                log=self.state.logs / f"{name}.log",
                folder=self.checkout.root,
                shared=shared / name if shared else None,
            )
            for name in self.wanted
        ]
