"""Prices through time: which one holds, and what the offers of a product make of many."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.offers import offers
from catalog.domain.prices import MAX_PRICES, Price, PriceScheduleError, checked, price_at, prices_at
from chassis.money import Money

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def euros(amount: int, day: int = 0, until: int | None = None, currency: str = "EUR") -> Price:
    end = None if until is None else BEGIN + timedelta(days=until)
    return Price(Money(amount, currency), BEGIN + timedelta(days=day), end)


def on(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


def test_price_holds_from_its_beginning_until_just_before_its_end() -> None:
    price = euros(100, 1, until=2)
    assert [price.holds(on(day)) for day in (0.9, 1, 1.9, 2)] == [False, True, True, False]


def test_sale_lies_over_what_it_costs_otherwise() -> None:
    schedule = checked([euros(3900, 10, until=20), euros(4900)])
    found = [price_at(schedule, "EUR", on(day)) for day in (-1, 0, 10, 20)]
    assert found == [None, Money(4900, "EUR"), Money(3900, "EUR"), Money(4900, "EUR")]


def test_currencies_keep_to_themselves() -> None:
    schedule = checked([euros(100), euros(120, currency="USD"), euros(90, 5, currency="GBP")])
    assert prices_at(schedule, on(1)) == [Money(100, "EUR"), Money(120, "USD")]
    assert price_at(schedule, "JPY", on(1)) is None


@pytest.mark.parametrize(
    "prices",
    [
        [euros(0)],
        [euros(-1)],
        [euros(1, 2, until=2)],
        [euros(1, 2, until=1)],
        [euros(1), euros(2)],
        [euros(1, day) for day in range(MAX_PRICES + 1)],
    ],
)
def test_schedule_that_contradicts_itself_is_refused(prices: list[Price]) -> None:
    with pytest.raises(PriceScheduleError):
        checked(prices)


def test_schedule_that_is_just_in_order_is_accepted() -> None:
    assert len(checked([euros(1, day) for day in range(MAX_PRICES)])) == MAX_PRICES
    assert checked([euros(1), euros(2, currency="USD"), euros(3, 1, until=2)])


days = st.integers(0, 12)
prices = st.builds(
    lambda amount, day, length, currency: euros(amount, day, None if length is None else day + length, currency),
    st.integers(1, 5),
    days,
    st.none() | st.integers(1, 6),
    st.sampled_from(["EUR", "USD"]),
)
schedules = st.lists(
    st.lists(prices, max_size=6, unique_by=lambda price: (price.money.currency, price.valid_from)).map(checked),
    max_size=4,
)


@given(schedules, days, st.integers(0, 20))
def test_offer_is_the_least_price_of_all_variants_at_any_time(
    found: list[tuple[Price, ...]], now: int, later: int
) -> None:
    at = on(now + later)
    for currency in ("EUR", "USD"):
        costs = [money.amount_minor for each in found if (money := price_at(each, currency, at))]
        holding = [
            offer.amount_minor
            for offer in offers(found, on(now))
            if offer.currency == currency
            and offer.valid_from <= at
            and (offer.valid_until is None or at < offer.valid_until)
        ]
        assert holding == ([min(costs)] if costs else [])


@given(schedules, days)
def test_offers_of_one_amount_are_not_cut_in_two(found: list[tuple[Price, ...]], now: int) -> None:
    stretches = offers(found, on(now))
    for one, other in pairwise(stretches):
        meet = one.currency == other.currency and one.valid_until == other.valid_from
        assert not (meet and one.amount_minor == other.amount_minor)
