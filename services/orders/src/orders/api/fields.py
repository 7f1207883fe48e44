"""The kinds of values that requests carry. Text is stripped, bounded, and could be printed on a label."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chassis.card_numbers import holds_card_number
from orders.domain.carts import MOST_OF_ONE

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters; PostgreSQL could not even store the first of them."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_PRINTABLE)]
"""One line of a name or an address."""

PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16, pattern=_PRINTABLE)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9][0-9]{6,14}$")]
"""E.164: a plus and at most fifteen digits, no spaces."""

Country = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2, by its shape: where it is shipped to is what the rates say."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,63}$")]
CouponCode = Annotated[str, StringConstraints(to_upper=True, strip_whitespace=True, pattern=r"^[A-Za-z0-9-]{3,32}$")]
"""Capitals make no difference."""
Quantity = Annotated[int, Field(strict=True, ge=1, le=MOST_OF_ONE)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]
CartSecret = Annotated[str, StringConstraints(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


def _no_card_number(token: str) -> str:
    if holds_card_number(token):
        raise ValueError("should be a provider's token; a card number is never accepted")
    return token


ProviderToken = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_no_card_number)
]
"""What the provider gave for a card or an account."""
