"""The checkout: where the services are, what each says about itself, and how one of their commands is run."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import TradewindError

if TYPE_CHECKING:
    from chassis.manifest import Manifest

GATEWAY = "gateway"
"""The service that the public address leads to."""


class CheckoutError(TradewindError):
    """The sources are not what they should be."""


@dataclass(frozen=True)
class Checkout:
    """A folder with ``services/<svc>/service.yaml``; ``module`` is what ``python -m`` runs a service by."""

    root: Path
    module: str = "chassis"

    @classmethod
    def of_this_package(cls) -> "Checkout":
        """Return the checkout that this package is installed from, which has to be an editable installation."""
        return cls(Path(__file__).resolve().parents[3])

    @cached_property
    def manifests(self) -> "dict[str, Manifest]":
        """Every service's manifest by name, in the order of names.

        Raises:
            CheckoutError: There is none, or one cannot be read.
        """
        from chassis.manifest import read

        try:
            found = [read(path) for path in sorted(self.root.glob("services/*/service.yaml"))]
        except ValueError as error:
            raise CheckoutError(str(error)) from error
        if not found:
            raise CheckoutError(f"{self.root} has no services/*/service.yaml: run from a checkout of Tradewind.")
        return {manifest.name: manifest for manifest in found}

    @property
    def default_state(self) -> Path:
        """The folder that keeps everything the local system writes."""
        return self.root / ".tradewind"

    def command(self, *words: str) -> list[str]:
        """Return the command line of one of a service's commands; ``SERVICE`` in its environment says whose."""
        return [sys.executable, "-m", self.module, *words]
