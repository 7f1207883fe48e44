"""What one pays with: a token that the provider gave for it, never the number itself."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from chassis.errors import InvalidError

_DIGITS = re.compile(r"(?:[0-9][ ._-]?){12,}")
_LENGTHS = range(12, 20)
"""How many digits a card number has (ISO/IEC 7812-1)."""


class CardNumberRefusedError(InvalidError):
    """What came as a token looks like the number of a card, which must not come here at all."""

    code = "card-number-refused"
    title = "Card numbers are not accepted"


class MethodKind(StrEnum):
    """The kinds of methods there are; each has its processor."""

    CARD = "card"
    PAYPAL = "paypal"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay, as its provider knows it. The token is no secret to steal money with, and all the same unlogged."""

    kind: MethodKind
    token: str = field(repr=False)


def refuse_card_number(text: str) -> None:
    """Let a text pass that holds nothing like a card number.

    Raises:
        CardNumberRefusedError: 12 to 19 digits in it, perhaps apart, end in the check digit of a card's number.
    """
    for run in _DIGITS.findall(text):
        digits = re.sub(r"[^0-9]", "", run)
        if any(_luhn(digits[at : at + size]) for size in _LENGTHS for at in range(len(digits) - size + 1)):
            raise CardNumberRefusedError("Give the token that the provider made for the card.")


def _luhn(digits: str) -> bool:
    """Tell whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    doubled = (int(each) * (1 + place % 2) for place, each in enumerate(reversed(digits)))
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0  # noqa: PLR2004 - the sum of its two digits
