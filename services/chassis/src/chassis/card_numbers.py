"""Telling a card's number (PAN) in a text, so that it can be refused before it is kept anywhere.

Sources: ISO/IEC 7812-1 for the number of digits and the check digit (Luhn); PCI DSS, requirement 3, for why nobody
wants to have one.
"""

import re
import unicodedata

from chassis.errors import InvalidError

_SHORTEST, _LONGEST = 12, 19
_ENOUGH_DIGITS = re.compile(r"\d(?:[^\w/]*_*\d){11}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RUN = re.compile(r"\d+(?: +\d+)*")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class CardNumberRefusedError(InvalidError):
    """Something that looks like a card's number was sent; the error never repeats it."""

    code = "card-number-refused"
    title = "Card numbers are not taken"


def holds_card_number(text: str) -> bool:
    """Tell whether 12 to 19 digits in ``text`` pass Luhn's check, whatever spaces, dots and dashes are between them.

    A number begins and ends where digits do: of a block of up to nineteen digits nothing less than the whole counts,
    since a provider's longer numbers would hardly ever pass otherwise. Digits of any script are digits.
    """
    return any(_run_holds(run.split()) for run in _RUN.findall("".join(map(_simplified, text))))


def may_be_logged(text: str) -> bool:
    """Tell whether a text that somebody sent holds no card's number, so that it may stand in a log line.

    Cheap for almost every text. A UUID is none, though one in some hundreds has digits that would pass.
    """
    return _ENOUGH_DIGITS.search(text) is None or not holds_card_number(_UUID.sub("x", text))


def _simplified(character: str) -> str:
    """Return a plain digit for a digit, a space for what may stand between digits, else a letter."""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    return " " if category in ("Zs", "Pd", "Pc", "Cf") or character in ".\N{MINUS SIGN}" else "x"


def _run_holds(blocks: list[str]) -> bool:
    """Look at the blocks that stand together, from each of them on; a block too long for a number at all its parts."""
    for first, block in enumerate(blocks):
        if len(block) > _LONGEST:
            if _part_passes(block):
                return True
            continue
        joined = ""
        for each in blocks[first:]:
            joined += each
            if len(joined) > _LONGEST:
                break
            if len(joined) >= _SHORTEST and _passes(joined):
                return True
    return False


def _part_passes(block: str) -> bool:
    lengths = range(_SHORTEST, _LONGEST + 1)
    return any(_passes(block[start : start + n]) for n in lengths for start in range(len(block) - n + 1))


def _passes(digits: str) -> bool:
    """Check the last digit by Luhn's formula: every second digit from the right is doubled, and the sum ends in 0."""
    values = [int(each) for each in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[each] for each in values[1::2])) % 10 == 0
