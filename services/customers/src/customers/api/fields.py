"""The kinds of values that requests carry. Text is stripped, bounded, and could be printed on a label."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from customers.domain.countries import COUNTRIES

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters; PostgreSQL could not even store the first of them."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_PRINTABLE)]
"""One line of a name or an address."""

PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=16, pattern=_PRINTABLE)]

ProviderToken = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=r"^[\x20-\x7e]*$")
]
"""A payment provider's name for a card or an account. It has room for spaces, so that a card's number with some in it
is refused as that and not for its spaces."""

Last4 = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]

Month = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
"""ISO 8601, year and month."""

EmailPrefix = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254, pattern=_PRINTABLE)]

Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+[1-9][0-9]{6,14}$")]
"""E.164: a plus and at most fifteen digits, no spaces."""

LanguageTag = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")
]
"""BCP 47, as far as people need it: language, script, region (``en``, ``en-GB``, ``zh-Hant-TW``)."""

Currency = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{3}$")]
"""ISO 4217, by its shape: which currencies are sold in is not this service's to know."""


def _assigned(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError("should be a country code that ISO 3166-1 assigns")
    return code


Country = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{2}$"), AfterValidator(_assigned)]
"""ISO 3166-1 alpha-2."""
