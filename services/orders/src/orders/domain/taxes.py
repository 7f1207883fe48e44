"""Value added tax by country and class of product. Prices contain it."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from chassis.money import Money

_RATES: dict[str, tuple[str, str]] = {
    "AT": ("0.20", "0.10"),
    "BE": ("0.21", "0.06"),
    "DE": ("0.19", "0.07"),
    "ES": ("0.21", "0.10"),
    "FR": ("0.20", "0.055"),
    "IE": ("0.23", "0.09"),
    "IT": ("0.22", "0.10"),
    "NL": ("0.21", "0.09"),
    "PL": ("0.23", "0.08"),
    "PT": ("0.23", "0.06"),
    "SE": ("0.25", "0.12"),
}
"""Standard and reduced rate where we are registered. An example to be replaced by the shop's own table."""


class TaxTable:
    """Looks rates up; a country that is not in the table is not taxed by us."""

    def __init__(self, rates: Mapping[str, tuple[str, str]] | None = None) -> None:
        table = _RATES if rates is None else rates
        self._rates = {country: (Decimal(full), Decimal(reduced)) for country, (full, reduced) in table.items()}

    def rate(self, country: str, tax_class: str) -> Decimal:
        """Return the share that is added to a price without tax; classes are ``standard``, ``reduced`` and ``zero``."""
        standard, reduced = self._rates.get(country, (Decimal(0), Decimal(0)))
        return {"standard": standard, "reduced": reduced}.get(tax_class, Decimal(0))

    def contained(self, gross: Money, country: str, tax_class: str) -> Money:
        """Return the tax within ``gross``."""
        rate = Fraction(self.rate(country, tax_class))
        return gross.times(rate / (1 + rate))
