"""Values that lie in one column each, as JSON."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from catalog.domain.prices import Price
from catalog.domain.products import Image
from chassis.money import Money


class Schedule(TypeDecorator[tuple[Price, ...]]):
    """A variant's prices: read and changed as a whole, and searched by the offers that follow from them."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: tuple[Price, ...] | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return what is stored."""
        return [] if value is None else [_to_json(each) for each in value]

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[Price, ...]:  # noqa: ARG002
        """Return what was stored."""
        return to_prices(value or ())


class Images(TypeDecorator[tuple[Image, ...]]):
    """A product's images, in their order."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: tuple[Image, ...] | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return what is stored."""
        return [{"url": each.url, "alt": each.alt} for each in value or ()]

    def process_result_value(self, value: Any | None, dialect: Dialect) -> tuple[Image, ...]:  # noqa: ARG002
        """Return what was stored."""
        return tuple(Image(**each) for each in value or ())


def to_prices(stored: Iterable[dict[str, Any]]) -> tuple[Price, ...]:
    """Return a schedule from how it is stored."""
    return tuple(
        Price(
            Money(each["amount"], each["currency"]),
            datetime.fromisoformat(each["from"]),
            datetime.fromisoformat(each["until"]) if each["until"] else None,
        )
        for each in stored
    )


def _to_json(price: Price) -> dict[str, Any]:
    return {
        "amount": price.money.amount_minor,
        "currency": price.money.currency,
        "from": price.valid_from.isoformat(),
        "until": price.valid_until.isoformat() if price.valid_until else None,
    }
