"""Things to test with."""

from datetime import UTC, datetime
from uuid import uuid4

from chassis.ids import uuid7
from chassis.money import Money
from orders.domain.addresses import ShippingAddress
from orders.domain.discounts import DiscountCalculator, standard_rules
from orders.domain.orders import Order
from orders.domain.pricing import Pricer, Product
from orders.domain.shipping import ShippingService
from orders.domain.shoppers import shopper
from orders.domain.taxes import TaxTable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICER = Pricer(DiscountCalculator(standard_rules()), ShippingService(), TaxTable())
BERLIN = ShippingAddress("Ada", "Unter den Linden 1", None, "Berlin", None, "10117", "DE", None)


def a_product(sku: str = "MUG", price: int = 1000, *, weight: int = 200, tax_class: str = "standard") -> Product:
    return Product(sku, f"product-{sku}", f"Thing {sku}", Money(price, "EUR"), weight, tax_class)


def an_order() -> Order:
    customer_id = uuid4()
    quote = PRICER.quote({"MUG": 2}, [a_product()], shopper(customer_id, "standard"), country="DE", method="standard")
    return Order(
        uuid7(),
        customer_id=customer_id,
        cart_id=uuid7(),
        quote=quote,
        address=BERLIN,
        payment_kind="card",
        now=NOW,
    )
