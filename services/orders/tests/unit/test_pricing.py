"""What things cost, and why."""

from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.money import Money
from orders.domain.pricing import Quote
from orders.domain.shipping import ShippingUnavailableError
from orders.domain.shoppers import PremiumShopper, StandardShopper, shopper
from orders.domain.taxes import TaxTable
from services.orders.tests.unit.examples import PRICER, a_product


def quoted(tier: str = "standard", *, country: str = "DE", method: str = "standard", **lines: tuple[int, int]) -> Quote:
    """Price lines that are given as quantity and unit price."""
    products = [a_product(sku, price) for sku, (_, price) in lines.items()]
    quantities = {sku: quantity for sku, (quantity, _) in lines.items()}
    return PRICER.quote(quantities, products, shopper(uuid4(), tier), country=country, method=method)


@pytest.mark.parametrize(
    ("tier", "quantity", "total", "rules"),
    [
        ("standard", 9, 9000, []),
        ("standard", 10, 9500, ["quantity"]),
        ("standard", 50, 45_000, ["quantity"]),
        ("premium", 1, 950, ["tier"]),
        ("premium", 10, 9025, ["quantity", "tier"]),
        ("invented-later", 1, 1000, []),
    ],
)
def test_discounts_apply_one_after_the_other(tier: str, quantity: int, total: int, rules: list[str]) -> None:
    [line] = quoted(tier, MUG=(quantity, 1000)).lines
    assert (line.total.amount_minor, [each.rule for each in line.adjustments]) == (total, rules)


def test_discount_of_nothing_is_none() -> None:
    [line] = quoted("premium", MUG=(1, 1)).lines
    assert (line.total.amount_minor, line.adjustments) == (1, ())


@pytest.mark.parametrize(
    ("tier", "country", "method", "grams", "cost"),
    [
        ("standard", "DE", "standard", 1000, 390),
        ("standard", "DE", "standard", 1001, 590),
        ("standard", "DE", "express", 1000, 990),
        ("standard", "FR", "standard", 1000, 890),
        ("standard", "JP", "express", 5000, 7990),
        ("premium", "JP", "standard", 5000, 0),
        ("premium", "JP", "express", 5000, 7990),
    ],
)
def test_shipping_costs_by_zone_weight_and_method(tier: str, country: str, method: str, grams: int, cost: int) -> None:
    product = a_product(weight=grams)
    quote = PRICER.quote({"MUG": 1}, [product], shopper(uuid4(), tier), country=country, method=method)
    assert (quote.shipping.cost, quote.shipping.weight_grams) == (Money(cost, "EUR"), grams)
    assert quote.total == quote.lines[0].total + quote.shipping.cost


def test_too_heavy_is_refused() -> None:
    with pytest.raises(ShippingUnavailableError) as refused:
        PRICER.quote(
            {"MUG": 100}, [a_product(weight=500)], shopper(uuid4(), "standard"), country="DE", method="standard"
        )
    assert refused.value.extensions == {"most_grams": 31_500}


@pytest.mark.parametrize(
    ("country", "tax_class", "tax"),
    [("DE", "standard", 190), ("DE", "reduced", 78), ("DE", "zero", 0), ("US", "standard", 0), ("FR", "standard", 198)],
)
def test_tax_is_contained_in_the_price(country: str, tax_class: str, tax: int) -> None:
    assert TaxTable().contained(Money(1190, "EUR"), country, tax_class) == Money(tax, "EUR")


def test_tiers_are_types() -> None:
    customer_id = uuid4()
    assert type(shopper(customer_id, "premium")) is PremiumShopper
    assert type(shopper(customer_id, "standard")) is StandardShopper
    assert PremiumShopper(customer_id).discount == Decimal("0.05")


@given(
    tier=st.sampled_from(["standard", "premium"]),
    country=st.sampled_from(["DE", "FR", "US"]),
    lines=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 10**9)), min_size=1, max_size=5),
)
def test_parts_of_a_quote_add_up(tier: str, country: str, lines: list[tuple[int, int]]) -> None:
    priced = {f"T{place}": line for place, line in enumerate(lines)}
    quote = quoted(tier, country=country, **priced)  # type: ignore[arg-type] # names that are none of the parameters
    nothing = Money.zero("EUR")
    for line in quote.lines:
        assert line.list_price == line.unit_price.times(line.quantity)
        assert line.total == Money.total((line.list_price, *(each.amount for each in line.adjustments)), "EUR")
        assert not line.total < nothing
        assert not line.total < line.tax
    assert quote.items + quote.discount == Money.total((line.total for line in quote.lines), "EUR")
    assert quote.total == quote.items + quote.discount + quote.shipping.cost
