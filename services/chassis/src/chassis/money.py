"""Amounts of money: whole minor units and a currency; nothing is lost, and currencies never mix.

Imports the standard library and ``errors`` only, so a domain can use it. Minor units are cents for EUR, yen for JPY:
how many make one major unit is for whoever shows the amount.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from typing import Self

from chassis.errors import InvalidError

MOST_MINOR = (1 << 63) - 1
"""The largest amount, which is PostgreSQL's bigint; the smallest is its negative."""

_CURRENCY = re.compile(r"[A-Z]{3}")


class CurrencyMismatchError(InvalidError):
    """Amounts of two currencies meet where only one makes sense."""

    code = "currency-mismatch"
    title = "The currencies differ"


class AmountTooLargeError(InvalidError):
    """The amount does not fit 64 bits."""

    code = "amount-too-large"
    title = "The amount is too large"


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """``amount_minor`` minor units of ``currency`` (three capitals, as ISO 4217 has them); negative is owed.

    Raises:
        AmountTooLargeError: More than 64 bits, from any operation too.
        CurrencyMismatchError: From operations on two currencies.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError(f"An amount is a whole number of minor units, unlike {self.amount_minor!r}.")
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"A currency is three capital letters, unlike {self.currency!r}.")
        if abs(self.amount_minor) > MOST_MINOR:
            raise AmountTooLargeError

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Return no money."""
        return cls(0, currency)

    @classmethod
    def total(cls, amounts: Iterable["Money"], currency: str) -> Self:
        """Add up amounts of one currency, perhaps none."""
        own = cls(0, currency)
        return cls(sum(own._same(amount) for amount in amounts), currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same(other)

    def times(self, factor: int | Decimal | Fraction) -> "Money":
        """Multiply, and round to whole minor units, halves to even (as banks do, so that errors don't add up).

        Floats are refused: 0.1 is not a tenth. Give ``Decimal("0.1")`` or ``Fraction(1, 10)``.
        """
        if isinstance(factor, float):
            raise TypeError(f"{factor!r} is not exact; use Decimal or Fraction.")
        return Money(round(self.amount_minor * Fraction(factor)), self.currency)

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Share the amount in proportion to ``weights``; the shares add up to it exactly.

        What rounding leaves over goes, one unit each, to the shares that lost most by it (largest remainder), the
        earlier of equal ones first.

        Raises:
            ValueError: A weight is negative, or all are zero.
        """
        whole = sum(weights)
        if whole <= 0 or min(weights) < 0:
            raise ValueError(f"Weights are not negative, and not all zero, unlike {list(weights)}.")
        parts = [divmod(self.amount_minor * weight, whole) for weight in weights]
        left = self.amount_minor - sum(share for share, _remainder in parts)
        by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
        favoured = set(by_remainder[:left])
        return [Money(share + (index in favoured), self.currency) for index, (share, _) in enumerate(parts)]

    def _same(self, other: "Money") -> int:
        """Return the other's amount, if it is of the same currency."""
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be put together.")
        return other.amount_minor
