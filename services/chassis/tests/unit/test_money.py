from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import MOST_MINOR, AmountTooLargeError, CurrencyMismatchError, Money

amounts = st.integers(-(10**12), 10**12)
euros = st.builds(Money, amounts, st.just("EUR"))
weights = st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any)


@given(euros, euros, euros)
def test_sums_are_exact_in_any_order(a: Money, b: Money, c: Money) -> None:
    assert (a + b) + c == a + (b + c) == Money.total([c, a, b], "EUR")
    assert (a + b).amount_minor == a.amount_minor + b.amount_minor
    assert a + b - b == a
    assert a - b == a + -b
    assert a + Money.zero("EUR") == a


@given(euros, weights)
def test_allocation_loses_nothing(money: Money, shares: list[int]) -> None:
    assert Money.total(money.allocate(shares), "EUR") == money


@given(euros, weights)
def test_each_share_is_within_a_unit_of_its_part(money: Money, shares: list[int]) -> None:
    for share, weight in zip(money.allocate(shares), shares, strict=True):
        assert abs(share.amount_minor - Fraction(money.amount_minor * weight, sum(shares))) < 1


@given(euros, weights)
def test_share_without_weight_is_nothing(money: Money, shares: list[int]) -> None:
    allocated = money.allocate([*shares, 0])
    assert allocated[-1] == Money.zero("EUR")


@given(euros, st.integers(1, 50))
def test_equal_weights_differ_by_a_unit_at_most_and_earlier_ones_get_more(money: Money, count: int) -> None:
    shares = [share.amount_minor for share in money.allocate([1] * count)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


def test_largest_remainders_are_served_first() -> None:
    assert [share.amount_minor for share in Money(100, "EUR").allocate([1, 1, 1])] == [34, 33, 33]
    assert [share.amount_minor for share in Money(5, "EUR").allocate([3, 7])] == [2, 3]
    assert [share.amount_minor for share in Money(-5, "EUR").allocate([3, 7])] == [-1, -4]


@pytest.mark.parametrize("bad", [[], [0, 0], [1, -1], [2, -1]])
def test_impossible_weights_are_a_mistake(bad: list[int]) -> None:
    with pytest.raises(ValueError, match="Weights"):
        Money(100, "EUR").allocate(bad)


@given(euros, st.fractions(-100, 100))
def test_product_is_the_nearest_whole_unit(money: Money, factor: Fraction) -> None:
    assert abs(money.times(factor).amount_minor - money.amount_minor * factor) <= Fraction(1, 2)


@pytest.mark.parametrize(("amount", "rounded"), [(5, 2), (15, 8), (25, 12), (35, 18), (-5, -2), (-15, -8)])
def test_halves_go_to_even(amount: int, rounded: int) -> None:
    assert Money(amount, "EUR").times(Decimal("0.5")) == Money(rounded, "EUR")


def test_quantity_multiplies_exactly() -> None:
    assert Money(1999, "EUR").times(3) == Money(5997, "EUR")


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="not exact"):
        Money(100, "EUR").times(0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a >= b,
        lambda a, b: Money.total([a, b], "EUR"),
        lambda a, b: Money.total([b], "EUR"),
    ],
    ids=["add", "subtract", "less", "not less", "total", "total of another"],
)
def test_currencies_never_mix(mix: Any) -> None:
    with pytest.raises(CurrencyMismatchError):
        mix(Money(1, "EUR"), Money(1, "USD"))


def test_amounts_of_two_currencies_are_never_equal() -> None:
    assert Money(0, "EUR") != Money(0, "USD")


@given(euros, euros)
def test_amounts_compare_as_their_numbers_do(a: Money, b: Money) -> None:
    assert (a < b) == (a.amount_minor < b.amount_minor)
    assert (a >= b) == (a.amount_minor >= b.amount_minor)
    assert (a == b) == (a.amount_minor == b.amount_minor)


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "EUR\n", "ÄÖÜ", "E1R"])
def test_currency_is_three_capitals(currency: str) -> None:
    with pytest.raises(ValueError, match="capital"):
        Money(1, currency)


@pytest.mark.parametrize("amount", [1.0, "1", True, None, Decimal(1)])
def test_amount_is_a_whole_number(amount: Any) -> None:
    with pytest.raises(TypeError, match="whole number"):
        Money(amount, "EUR")


@pytest.mark.parametrize(
    "grow", [lambda m: m + m, lambda m: m.times(2), lambda m: -m - m], ids=["sum", "product", "debt"]
)
def test_amount_stays_what_a_database_can_hold(grow: Any) -> None:
    with pytest.raises(AmountTooLargeError):
        grow(Money(MOST_MINOR, "EUR"))
    assert (-Money(MOST_MINOR, "EUR")).amount_minor == -MOST_MINOR


def test_total_of_nothing_is_no_money() -> None:
    assert Money.total([], "EUR") == Money.zero("EUR")
