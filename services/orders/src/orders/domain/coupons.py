"""Coupons: a code that takes something off, for a while, from a certain amount on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chassis.errors import ConflictError, NotFoundError
from chassis.money import Money
from orders.domain.discounts import Adjustment, BasketLine, percent
from orders.domain.shoppers import Shopper


class CouponNotFoundError(NotFoundError):
    """There is no such coupon."""

    code = "coupon-not-found"
    title = "No such coupon"


class CouponNotValidError(ConflictError):
    """It is too early or too late for it, the basket is too small, or its currency is another."""

    code = "coupon-not-valid"
    title = "The coupon is not valid for this"


class CouponUsedUpError(ConflictError):
    """It was good for so many orders, and these were placed."""

    code = "coupon-used-up"
    title = "The coupon is used up"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a coupon gives, either a share or an amount, and when.

    ``share`` is between 0 and 1. ``minimum`` is what the goods have to come to without it. ``uses`` is how
    many orders it is good for; None for any number.
    """

    share: Decimal | None = None
    amount: Money | None = None
    minimum: Money | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    uses: int | None = None


class Coupon(NamedTuple):
    """A code and its terms; ``version`` counts the changes of these.

    ``used`` counts the orders that were placed with it, less those that came to nothing before anything was paid.
    """

    code: str
    version: int
    terms: Terms
    used: int = 0

    def ensure_valid(self, now: datetime) -> None:
        """Refuse it before its time and after, and when it is used up.

        Raises:
            CouponNotValidError: It is not its time.
            CouponUsedUpError: Nothing is left of it.
        """
        terms = self.terms
        if terms.valid_from is not None and now < terms.valid_from:
            raise CouponNotValidError("It is not valid yet.", coupon=self.code)
        if terms.valid_until is not None and now >= terms.valid_until:
            raise CouponNotValidError("It is not valid any more.", coupon=self.code)
        if terms.uses is not None and self.used >= terms.uses:
            raise CouponUsedUpError(coupon=self.code)


class CouponRule:
    """Takes off what a coupon gives: a share of every line, or an amount that is spread over them."""

    def __init__(self, coupon: Coupon) -> None:
        self._coupon = coupon

    def adjust(self, basket: Sequence[BasketLine], left: Sequence[Money], shopper: Shopper) -> list[Adjustment | None]:  # noqa: ARG002 - the port's signature
        """Spread it over the lines; see the port.

        Raises:
            CouponNotValidError: The goods are worth too little, or of another currency.
        """
        terms, currency = self._coupon.terms, left[0].currency
        goods = Money.total(left, currency)
        self._ensure_enough(goods)
        if terms.share is not None:
            off = [each.times(-terms.share) for each in left]
            reason = f"{percent(terms.share)} off with {self._coupon.code}"
        else:
            whole = min(terms.amount or goods, goods)
            spread = whole.amount_minor > 0
            off = [-each for each in whole.allocate([each.amount_minor for each in left])] if spread else []
            reason = f"a part of {self._coupon.code}"
        return [Adjustment("coupon", reason, each) if each.amount_minor else None for each in off] or [None] * len(left)

    def _ensure_enough(self, goods: Money) -> None:
        terms = self._coupon.terms
        for limit in (terms.amount, terms.minimum):
            if limit is not None and limit.currency != goods.currency:
                raise CouponNotValidError(f"It is for {limit.currency}.", coupon=self._coupon.code)
        if terms.minimum is not None and goods < terms.minimum:
            raise CouponNotValidError(
                "The goods are worth too little for it.",
                coupon=self._coupon.code,
                minimum={"amount": terms.minimum.amount_minor, "currency": terms.minimum.currency},
            )
