"""What is told of a product."""

from dataclasses import replace
from datetime import UTC, datetime

from catalog.domain.prices import Price
from catalog.domain.products import Product
from catalog.domain.variants import Spec
from catalog.events import PUBLISHED, ProductPriceChanged, publish
from chassis.money import Money

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_everything_that_happens_is_told_with_the_version_it_made(shirt: Product, spec: Spec) -> None:
    shirt.change(replace(shirt.details, name="Shirt"), NOW)
    shirt.set_prices(spec.sku, [Price(Money(1, "EUR"), NOW)], NOW)
    shirt.publish(NOW)
    shirt.archive(NOW)
    told = [publish(each) for each in shirt.events]
    assert [type(each.data) for each in told] == list(PUBLISHED)
    assert [(each.subject, each.sequence) for each in told] == [(str(shirt.id), number) for number in range(1, 6)]


def test_price_change_is_told_with_the_whole_schedule(shirt: Product, spec: Spec) -> None:
    shirt.set_prices(spec.sku, [Price(Money(1, "EUR"), NOW), Price(Money(2, "USD"), NOW)], NOW)
    data = publish(shirt.events[-1]).data
    assert isinstance(data, ProductPriceChanged)
    assert [(each.price.amount, each.price.currency) for each in data.prices] == [(1, "EUR"), (2, "USD")]
