"""E-mail addresses as names of accounts."""

import re
import unicodedata

from chassis.errors import InvalidError

LONGEST = 254
"""Characters; RFC 5321 allows a path of 256 with its angle brackets."""

_SHAPE = re.compile(r"[^\s@]+@[^\s@]+")


class EmailInvalidError(InvalidError):
    """It does not look like an e-mail address."""

    code = "email-invalid"
    title = "The e-mail address is not valid"


def normalise(email: str) -> str:
    """Return the one spelling under which an address is stored and looked up: NFC, lower case, no outer blanks.

    RFC 5321 lets a host tell ``Ada`` from ``ada``; no host that matters does, and two accounts would surprise both.
    """
    return unicodedata.normalize("NFC", email.strip()).lower()


def checked(email: str) -> str:
    """Return the normalised address.

    Raises:
        EmailInvalidError: It has not the shape of one. (The API checks the details of its syntax as well.)
    """
    address = normalise(email)
    if len(address) > LONGEST or not _SHAPE.fullmatch(address):
        raise EmailInvalidError("An e-mail address looks like ada@example.com.")
    return address
