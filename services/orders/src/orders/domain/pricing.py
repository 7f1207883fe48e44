"""What a basket costs, and why: prices are catalog's, everything else is worked out from them here.

Prices contain tax, as shops tell consumers; the tax is shown, not added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.errors import ConflictError
from chassis.money import Money
from orders.domain.discounts import Adjustment, BasketLine, DiscountCalculator, DiscountRule
from orders.domain.shipping import Shipping, ShippingService
from orders.domain.shoppers import Shopper
from orders.domain.taxes import TaxTable


class ProductsUnavailableError(ConflictError):
    """Something in the cart cannot be sold now; ``missing`` names each with the reason."""

    code = "products-unavailable"
    title = "Some products cannot be ordered"


@dataclass(frozen=True, slots=True)
class Product:
    """What catalog says of a SKU at this moment."""

    sku: str
    product_id: str
    name: str
    price: Money
    weight_grams: int
    tax_class: str


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line of an order. ``total`` is ``list_price`` with the (negative) adjustments; ``tax`` is the part of it."""

    sku: str
    product_id: str
    name: str
    quantity: int
    unit_price: Money
    list_price: Money
    adjustments: tuple[Adjustment, ...]
    total: Money
    tax_rate: Decimal
    tax: Money
    weight_grams: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a basket costs, all of one currency. ``discount`` is zero or negative; ``tax`` is contained in ``total``."""

    lines: tuple[PricedLine, ...]
    shipping: Shipping
    items: Money
    discount: Money
    tax: Money
    total: Money


@dataclass(frozen=True, slots=True)
class Pricer:
    """Makes quotes."""

    discounts: DiscountCalculator
    shipping: ShippingService
    taxes: TaxTable

    def quote(
        self,
        quantities: Mapping[str, int],
        products: Sequence[Product],
        shopper: Shopper,
        *,
        country: str,
        method: str,
        more: Sequence[DiscountRule] = (),
    ) -> Quote:
        """Price ``quantities`` (by SKU) of ``products``, which are of one currency and not none.

        ``more`` discounts apply after the shop's own.

        Raises:
            ShippingUnavailableError: Nobody ships this there, by this method.
        """
        basket = [BasketLine(each.sku, quantities[each.sku], each.price) for each in products]
        adjustments = self.discounts.adjust(basket, shopper, more=more)
        lines = tuple(
            self._line(product, line, tuple(given), country)
            for product, line, given in zip(products, basket, adjustments, strict=True)
        )
        currency = products[0].price.currency
        goods = Money.total((line.total for line in lines), currency)
        items = Money.total((line.list_price for line in lines), currency)
        weight = sum(line.weight_grams for line in lines)
        shipping = self.shipping.quote(shopper, goods, country=country, method=method, weight_grams=weight)
        shipping_tax = self.taxes.contained(shipping.cost, country, "standard")
        return Quote(
            lines,
            shipping,
            items,
            discount=goods - items,
            tax=Money.total((line.tax for line in lines), currency) + shipping_tax,
            total=goods + shipping.cost,
        )

    def _line(
        self, product: Product, line: BasketLine, adjustments: tuple[Adjustment, ...], country: str
    ) -> PricedLine:
        total = Money.total((line.price, *(each.amount for each in adjustments)), line.price.currency)
        return PricedLine(
            sku=product.sku,
            product_id=product.product_id,
            name=product.name,
            quantity=line.quantity,
            unit_price=product.price,
            list_price=line.price,
            adjustments=adjustments,
            total=total,
            tax_rate=self.taxes.rate(country, product.tax_class),
            tax=self.taxes.contained(total, country, product.tax_class),
            weight_grams=product.weight_grams * line.quantity,
        )
