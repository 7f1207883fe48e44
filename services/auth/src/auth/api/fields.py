"""The kinds of text that requests carry: bounded, and nothing that could not be stored or printed."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, EmailStr, Field, StringConstraints

from auth.domain import emails

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters; PostgreSQL could not even store the first of them."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_PRINTABLE)]
"""One line of text, such as a name."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_PRINTABLE)]

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:@-]+$")]
"""A name that a program gave."""

Email = Annotated[EmailStr, Field(max_length=emails.LONGEST), AfterValidator(emails.normalise)]
"""An address, checked for its syntax and brought to the spelling it is stored in."""

EmailQuery = Annotated[
    str, StringConstraints(max_length=emails.LONGEST, pattern=_PRINTABLE), AfterValidator(emails.normalise)
]

Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""Bounded for parsing's sake; which passwords are acceptable is the domain's to say."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=512)]


def _within_calendars(moment: datetime) -> datetime:
    # PostgreSQL, time zones and JavaScript all have trouble near the ends of what Python can write down.
    if not 1900 <= moment.year <= 2900:  # noqa: PLR2004 - plain years
        raise ValueError("should be between 1900 and 2900")
    return moment


Instant = Annotated[AwareDatetime, AfterValidator(_within_calendars)]
"""A moment with its offset from UTC."""
