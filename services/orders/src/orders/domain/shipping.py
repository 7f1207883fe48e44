"""What shipping costs: by zone, weight and method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chassis.errors import InvalidError
from chassis.money import Money
from orders.domain.shoppers import Shopper


class ShippingUnavailableError(InvalidError):
    """There is no rate for this: the method, the currency or the weight."""

    code = "shipping-unavailable"
    title = "It cannot be shipped like this"


class ShippingMethod(StrEnum):
    """How fast."""

    STANDARD = "standard"
    EXPRESS = "express"


@dataclass(frozen=True, slots=True)
class Shipping:
    """How an order goes, and why that costs what it costs."""

    method: ShippingMethod
    zone: str
    weight_grams: int
    cost: Money
    reason: str


Bands = Sequence[tuple[int, int]]
"""Up to so many grams, so many minor units; lightest first."""

_HOME = frozenset({"DE"})
_NEAR = frozenset(
    "AT BE BG CH CY CZ DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905 - easier to read
)

_STANDARD: dict[str, Bands] = {
    "home": ((1_000, 390), (5_000, 590), (31_500, 1290)),
    "near": ((1_000, 890), (5_000, 1390), (31_500, 2990)),
    "world": ((1_000, 1690), (5_000, 3690), (20_000, 8990)),
}
_EXPRESS: dict[str, Bands] = {
    "home": ((1_000, 990), (5_000, 1290), (31_500, 2490)),
    "near": ((1_000, 1990), (5_000, 2990), (31_500, 5990)),
    "world": ((1_000, 3990), (5_000, 7990), (20_000, 19990)),
}
_PER_CURRENCY = {"EUR": 100, "USD": 110, "GBP": 86, "CHF": 96}
"""What a hundred euro cents are, for shipping: set by hand now and then, not an exchange rate."""


class ShippingService:
    """Knows the rates.

    Args:
        rates: By method, then by zone.
        currencies: What shipping is charged in, and how much of it a hundred of the rates' units are.
        free_from_minor: Goods worth this many of the rates' units go free within the home zone, by standard shipping.
    """

    def __init__(
        self,
        rates: Mapping[ShippingMethod, Mapping[str, Bands]] | None = None,
        *,
        currencies: Mapping[str, int] | None = None,
        free_from_minor: int = 10_000,
    ) -> None:
        self._rates = rates or {ShippingMethod.STANDARD: _STANDARD, ShippingMethod.EXPRESS: _EXPRESS}
        self._currencies = currencies or _PER_CURRENCY
        self._free_from = free_from_minor

    def quote(self, shopper: Shopper, goods: Money, *, country: str, method: str, weight_grams: int) -> Shipping:
        """Say what it costs to ship ``goods`` there.

        Raises:
            ShippingUnavailableError: It is too heavy, or the currency is not one that shipping is charged in.
        """
        chosen, zone = ShippingMethod(method), _zone(country)
        bands = self._rates[chosen][zone]
        if goods.currency not in self._currencies:
            raise ShippingUnavailableError(f"Shipping cannot be charged in {goods.currency}.")
        heaviest, cost = next((band for band in bands if weight_grams <= band[0]), (0, 0))
        if not heaviest:
            most = bands[-1][0]
            raise ShippingUnavailableError(f"At most {most} g go there by {chosen}.", most_grams=most)
        if shopper.ships_free(chosen):
            cost, reason = 0, f"free for {shopper.tier} customers"
        elif self._is_free(chosen, zone, goods):
            cost, reason = 0, "free for orders of this size"
        else:
            reason = f"{chosen}, zone {zone}, up to {heaviest} g"
        return Shipping(chosen, zone, weight_grams, self._charged(cost, goods.currency), reason)

    def _is_free(self, method: ShippingMethod, zone: str, goods: Money) -> bool:
        enough = not goods < self._charged(self._free_from, goods.currency)
        return method is ShippingMethod.STANDARD and zone == "home" and enough

    def _charged(self, cost: int, currency: str) -> Money:
        return Money(cost * self._currencies[currency] // 100, currency)


def _zone(country: str) -> str:
    if country in _HOME:
        return "home"
    return "near" if country in _NEAR else "world"
