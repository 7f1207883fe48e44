"""What a line makes of a schedule of prices."""

from datetime import UTC, datetime, timedelta

from catalog.domain.imports import GivenPrice, schedule
from catalog.domain.prices import Price
from chassis.money import Money

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = Price(Money(100, "EUR"), NOW - DAY)
DOLLARS = Price(Money(120, "USD"), NOW - DAY)
COMING = Price(Money(90, "EUR"), NOW + DAY)


def test_price_that_holds_already_is_no_change() -> None:
    assert schedule((OLD, DOLLARS), [GivenPrice(Money(100, "EUR"))], NOW) == (OLD, DOLLARS)


def test_new_price_holds_from_now_on_and_leaves_what_comes_and_other_currencies() -> None:
    found = schedule((OLD, COMING, DOLLARS), [GivenPrice(Money(80, "EUR"))], NOW)
    assert found == (Price(Money(80, "EUR"), NOW), COMING, DOLLARS)


def test_dated_prices_are_the_whole_schedule() -> None:
    given = [GivenPrice(Money(70, "EUR"), NOW + 2 * DAY, NOW + 3 * DAY)]
    assert schedule((OLD, DOLLARS), given, NOW) == (Price(Money(70, "EUR"), NOW + 2 * DAY, NOW + 3 * DAY),)


def test_no_price_leaves_those_there_are() -> None:
    assert schedule((OLD,), [], NOW) == (OLD,)
