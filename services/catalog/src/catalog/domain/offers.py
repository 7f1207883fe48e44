"""What a product costs at the least, in each currency, through time: for lists that sort and filter by price.

Prices overlap, and a product has many variants; a list cannot weigh all that against the present instant for every
product there is. So it is worked out ahead, once per change: stretches of time that do not overlap, each with one
amount. The one that holds now is then found by an index, and turns into the next one without anybody doing anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from catalog.domain.prices import Price, price_at, turns


@dataclass(frozen=True, slots=True)
class Offer:
    """The least of a product's prices in one currency, during one stretch of time."""

    currency: str
    amount_minor: int
    valid_from: datetime
    valid_until: datetime | None


def offers(schedules: Sequence[Sequence[Price]], now: datetime) -> list[Offer]:
    """Work out a product's offers from the schedules of its variants; what ends before ``now`` is left out."""
    currencies = sorted({price.money.currency for schedule in schedules for price in schedule})
    return [offer for currency in currencies for offer in _offers(schedules, currency, now)]


def _offers(schedules: Sequence[Sequence[Price]], currency: str, now: datetime) -> list[Offer]:
    own = [[price for price in schedule if price.money.currency == currency] for schedule in schedules]
    instants = turns(price for schedule in own for price in schedule)
    stretches = [*pairwise(instants), (instants[-1], None)]
    found: list[Offer] = []
    for begin, end in stretches:
        amounts = [money.amount_minor for schedule in own if (money := price_at(schedule, currency, begin))]
        if not amounts or (end is not None and end <= now):
            continue
        least = min(amounts)
        if found and (found[-1].valid_until, found[-1].amount_minor) == (begin, least):
            begin = found.pop().valid_from  # noqa: PLW2901 - the stretch before goes on
        found.append(Offer(currency, least, begin, end))
    return found
