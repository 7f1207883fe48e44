"""The ``tradewind`` command, with what chaos adds to the system.

- A second replica of orders, so that a saga can be taken over while the one who had it still lives.
- A bad network between orders and its peers (``network``), where the environment says how to get there.
- The witness, a service that hears everything.
- Leases that end soon, and restarts after short pauses: else most of the time nothing would happen.
"""

import json
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from chassis import children
from chassis.manifest import Manifest, address_setting, read
from tradewind import supervisor, system, up
from tradewind.checkout import Checkout
from tradewind.environment import Environments
from tradewind.main import main
from tradewind.parts import ServicePart
from tradewind.runs import Place
from tradewind.system import System

NETWORK = "CHAOS_NETWORK"
"""The variable with the ports of the bad network by the peer's name, as JSON."""
SECOND = "orders-2"
WITNESS = Path(__file__).parent / "witness"
LEASE_SECONDS = 4.0
_CALL_SECONDS = 3.0
_PAUSES_SECONDS = (0.3, 0.6, 1)


class ChaosCheckout(Checkout):
    """The checkout, with the witness."""

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """Every service's manifest by name."""
        return {**super().manifests, "witness": read(WITNESS / "service.yaml")}


class ChaosEnvironments(Environments):
    """The environments of the services, with a bad network."""

    def of(self, service: str) -> dict[str, str]:
        """Return all of the environment of a service's process."""
        environment = super().of(service)
        if service == "orders":
            ports = json.loads(os.environ.get(NETWORK, "{}"))
            environment |= {address_setting(name): f"http://127.0.0.1:{port}" for name, port in ports.items()}
            environment["CHECKOUT__LEASE_SECONDS"] = str(LEASE_SECONDS)
            environment["CHECKOUT__CALL_SECONDS"] = str(_CALL_SECONDS)
        return environment


class ChaosSystem(System):
    """The system, with a second replica of orders."""

    def services(self) -> list[ServicePart]:
        """Return the wanted services, and the replica."""
        port, metrics_port = children.free_ports(2)
        place = Place(port=port, metrics_port=metrics_port)
        network = replace(self.network, places={**self.network.places, "orders": place})
        environments = ChaosEnvironments(self.checkout.manifests, network, self.credentials)
        second = ServicePart(
            SECOND,
            command=self.checkout.command("serve", "--migrate"),
            environment=lambda: environments.of("orders"),
            place=place,
            log=self.state.logs / f"{SECOND}.log",
            folder=self.checkout.root,
        )
        parts = [*super().services(), second]
        self.wanted = [*self.wanted, SECOND]
        return parts


if __name__ == "__main__":
    system.Environments = ChaosEnvironments  # type: ignore[attr-defined]
    up.System = ChaosSystem  # type: ignore[attr-defined]
    supervisor._PAUSES_SECONDS = _PAUSES_SECONDS  # type: ignore[assignment]
    main(ChaosCheckout(Checkout.of_this_package().root))
