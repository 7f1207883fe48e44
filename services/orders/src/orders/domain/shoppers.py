"""Who buys, as far as prices care: each tier is a type that knows what it is given."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Shopper(ABC):
    """A customer at the till."""

    tier: ClassVar[str]

    id: UUID

    @property
    @abstractmethod
    def discount(self) -> Decimal:
        """The share of each line that is taken off: 0 to 1."""

    @abstractmethod
    def ships_free(self, method: str) -> bool:
        """Tell whether shipping by ``method`` is on the house."""


class StandardShopper(Shopper):
    """Everybody, to begin with."""

    tier = "standard"

    @property
    def discount(self) -> Decimal:
        """Nothing."""
        return Decimal(0)

    def ships_free(self, method: str) -> bool:  # noqa: ARG002 - the base class's signature
        """Never."""
        return False


class PremiumShopper(Shopper):
    """Pays five per cent less, and nothing for standard shipping."""

    tier = "premium"

    @property
    def discount(self) -> Decimal:
        """Five per cent."""
        return Decimal("0.05")

    def ships_free(self, method: str) -> bool:
        """Standard shipping only."""
        return method == "standard"


_KINDS: dict[str, type[Shopper]] = {kind.tier: kind for kind in (StandardShopper, PremiumShopper)}


def shopper(customer_id: UUID, tier: str) -> Shopper:
    """Return the shopper of a tier; one that was invented since is treated like everybody."""
    return _KINDS.get(tier, StandardShopper)(customer_id)
