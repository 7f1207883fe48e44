"""What something costs, in which currency, and from when until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import InvalidError
from chassis.money import Money

MAX_PRICES = 100
"""Per variant, over all currencies; those long past are left out by whoever sets new ones."""


class PriceScheduleError(InvalidError):
    """Prices that contradict each other, or end before they begin."""

    code = "price-schedule"
    title = "The prices contradict each other"


@dataclass(frozen=True, slots=True)
class Price:
    """An amount that holds from ``valid_from`` on, until just before ``valid_until`` where that is given."""

    money: Money
    valid_from: datetime
    valid_until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether it is valid at an instant."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


def checked(prices: Iterable[Price]) -> tuple[Price, ...]:
    """Return a schedule in its order: by currency, then by time.

    Prices may overlap, as a sale does with what it costs otherwise: the one that began last holds. So no two of a
    currency may begin at once.

    Raises:
        PriceScheduleError: Two begin at once, one is over before it begins, one is free, or there are too many.
    """
    ordered = tuple(sorted(prices, key=lambda price: (price.money.currency, price.valid_from)))
    if len(ordered) > MAX_PRICES:
        raise PriceScheduleError(f"A variant has at most {MAX_PRICES} prices.", limit=MAX_PRICES)
    for price in ordered:
        if price.money.amount_minor <= 0:
            raise PriceScheduleError("A price is more than nothing.")
        if price.valid_until is not None and price.valid_until <= price.valid_from:
            raise PriceScheduleError("A price ends after it begins.")
    beginnings = [(price.money.currency, price.valid_from) for price in ordered]
    if len(set(beginnings)) < len(beginnings):
        raise PriceScheduleError("Two prices of one currency begin at the same time.")
    return ordered


def price_at(prices: Sequence[Price], currency: str, at: datetime) -> Money | None:
    """Return what a schedule says for an instant, None where it says nothing for this currency."""
    holding = [price for price in prices if price.money.currency == currency and price.holds(at)]
    return max(holding, key=lambda price: price.valid_from).money if holding else None


def prices_at(prices: Sequence[Price], at: datetime) -> list[Money]:
    """Return what a schedule says for an instant, in each of its currencies."""
    currencies = sorted({price.money.currency for price in prices})
    return [money for currency in currencies if (money := price_at(prices, currency, at)) is not None]


def turns(prices: Iterable[Price]) -> list[datetime]:
    """Return the instants at which a price begins or ends, in order."""
    ends = ((price.valid_from, price.valid_until) for price in prices)
    return sorted({instant for both in ends for instant in both if instant is not None})
