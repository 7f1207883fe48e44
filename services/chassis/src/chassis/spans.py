"""A stretch of keys: how services that keep something under the same key ask each other for a part of it."""

from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")


class Span(NamedTuple, Generic[K]):
    """The keys from ``first`` on that come before ``before``; None does not limit that side."""

    first: K | None = None
    before: K | None = None
