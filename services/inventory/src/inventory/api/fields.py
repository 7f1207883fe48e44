"""The kinds of values that requests carry. Text is stripped, bounded, and could be printed on a label."""

from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""No control characters; PostgreSQL could not even store the first of them."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_PRINTABLE)]

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,63}$")]
"""What catalog calls a thing that can be sold; whether it does is not this service's to know."""

WarehouseCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]

Quantity = Annotated[int, Field(strict=True, ge=1, le=10_000)]
"""Of one line of an order."""

Received = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""Of one line of a delivery."""

Change = Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)]
"""Of one adjustment."""


class OfSku(Protocol):
    """Anything about one SKU."""

    @property
    def sku(self) -> str:
        """Which."""
        ...


Each = TypeVar("Each", bound=OfSku)


def _distinct(lines: Sequence[Each]) -> Sequence[Each]:
    if len({line.sku for line in lines}) < len(lines):
        raise ValueError("should name each SKU once")
    return lines


Distinct = AfterValidator(_distinct)
"""Lines that name each SKU once."""
