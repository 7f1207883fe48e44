"""The kinds of values that requests carry. Text is stripped, bounded, and free of control characters."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters; PostgreSQL could not even store the first of them."""

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,63}$")]
"""A stock keeping unit, by which all services know a variant."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]
"""One line of text."""

VariantName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=_PRINTABLE)]

Prose = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]
"""Text of any number of lines."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217, by its shape."""

Grams = Annotated[int, Field(ge=0, le=1_000_000)]


def _no_id(slug: str) -> str:
    try:
        UUID(slug)
    except ValueError:
        return slug
    raise ValueError("should not look like an id")


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80), AfterValidator(_no_id)]
"""What stands for something in addresses: small letters, digits and single hyphens."""

AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
AttributeValue = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_PRINTABLE)
]
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=30)]
"""What tells products apart, for people and for filters: ``{"material": "linen"}``."""

ImageUrl = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=1000)]
"""An absolute address; images are kept elsewhere."""
