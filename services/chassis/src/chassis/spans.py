"""A stretch of keys: how services that keep something under the same key ask each other for a part of it."""

from typing import Any, Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Any)


class Span(NamedTuple, Generic[K]):
    """The keys from ``first`` on that come before ``before``; None does not limit that side."""

    first: K | None = None
    before: K | None = None

    def covers(self, key: K) -> bool:
        """Tell whether a key is one of them."""
        return (self.first is None or key >= self.first) and (self.before is None or key < self.before)
