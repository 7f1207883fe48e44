"""What is taken off, line by line, each with its reason.

Rules apply one after the other, each to what the ones before it left. Amounts are rounded once per line and rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from chassis.money import Money
from orders.domain.shoppers import Shopper


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Why a line costs less: which rule, in words, and by how much (negative)."""

    rule: str
    reason: str
    amount: Money


@dataclass(frozen=True, slots=True)
class BasketLine:
    """How much of what, before any discount."""

    sku: str
    quantity: int
    unit_price: Money

    @property
    def price(self) -> Money:
        """What the line costs by the list."""
        return self.unit_price.times(self.quantity)


class DiscountRule(Protocol):
    """One reason to take something off."""

    def adjust(self, basket: Sequence[BasketLine], left: Sequence[Money], shopper: Shopper) -> list[Adjustment | None]:
        """Return for each line what this rule takes off of what is ``left`` of it, or None."""
        ...


class QuantityRule:
    """Many of one thing cost less: the largest step that a line reaches counts.

    Args:
        steps: From how many pieces on, and the share that is taken off.
    """

    def __init__(self, steps: Sequence[tuple[int, Decimal]]) -> None:
        self._steps = sorted(steps, reverse=True)

    def adjust(self, basket: Sequence[BasketLine], left: Sequence[Money], shopper: Shopper) -> list[Adjustment | None]:  # noqa: ARG002 - the port's signature
        """Look at each line's own quantity; see the port."""
        return [self._of(line, rest) for line, rest in zip(basket, left, strict=True)]

    def _of(self, line: BasketLine, rest: Money) -> Adjustment | None:
        for least, share in self._steps:
            if line.quantity >= least:
                return _taken("quantity", f"{percent(share)} off from {least} pieces", rest, share)
        return None


class TierRule:
    """What the shopper's tier is given."""

    def adjust(self, basket: Sequence[BasketLine], left: Sequence[Money], shopper: Shopper) -> list[Adjustment | None]:  # noqa: ARG002 - the port's signature
        """Take the same share off every line; see the port."""
        share = shopper.discount
        reason = f"{percent(share)} off for {shopper.tier} customers"
        return [_taken("tier", reason, rest, share) for rest in left]


class DiscountCalculator:
    """Applies its rules in their order."""

    def __init__(self, rules: Sequence[DiscountRule]) -> None:
        self._rules = tuple(rules)

    def adjust(
        self, basket: Sequence[BasketLine], shopper: Shopper, *, more: Sequence[DiscountRule] = ()
    ) -> list[list[Adjustment]]:
        """Return each line's adjustments, in the order of the rules; ``more`` come last."""
        left = [line.price for line in basket]
        found: list[list[Adjustment]] = [[] for _ in basket]
        for rule in (*self._rules, *more):
            for place, adjustment in _given(rule.adjust(basket, left, shopper)):
                found[place].append(adjustment)
                left[place] += adjustment.amount
        return found


def standard_rules() -> list[DiscountRule]:
    """Return the shop's rules: quantity, then tier."""
    return [QuantityRule([(10, Decimal("0.05")), (50, Decimal("0.10"))]), TierRule()]


def percent(share: Decimal) -> str:
    """Write a share as people read it."""
    return f"{(share * 100).normalize():f} %"


def _given(adjustments: Sequence[Adjustment | None]) -> Iterator[tuple[int, Adjustment]]:
    return ((place, each) for place, each in enumerate(adjustments) if each is not None)


def _taken(rule: str, reason: str, rest: Money, share: Decimal) -> Adjustment | None:
    amount = rest.times(-share)
    return Adjustment(rule, reason, amount) if amount.amount_minor else None
