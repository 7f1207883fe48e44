"""What is looked for in the catalogue, and what a list of products shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from catalog.domain.products import Image
from chassis.errors import InvalidError
from chassis.money import Money


class CurrencyMissingError(InvalidError):
    """Who sorts or filters by price has to say in which currency."""

    code = "currency-missing"
    title = "A currency is needed"


class Sort(StrEnum):
    """The order of a list: best first, newest first, cheapest first, or by name."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE = "price"
    NAME = "name"


class Matching(StrEnum):
    """How a list was found: without words, by the words, or, as nothing has those words, by similar ones."""

    ALL = "all"
    WORDS = "words"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which published products to list; None leaves a criterion out.

    ``category`` includes what lies in it. ``attributes`` are alternatives by name: one of each name has to fit. With a
    ``currency``, only what is sold in it is listed, and the amounts are minor units of it.
    """

    words: str | None = None
    category: str | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    currency: str | None = None
    price_min: int | None = None
    price_max: int | None = None
    sort: Sort | None = None

    def __post_init__(self) -> None:
        by_price = self.sort is Sort.PRICE or self.price_min is not None or self.price_max is not None
        if by_price and self.currency is None:
            raise CurrencyMissingError("Say the currency of the prices.")

    @property
    def order(self) -> Sort:
        """The order asked for; without words nothing is more relevant than the newest."""
        if self.sort in (None, Sort.RELEVANCE):
            return Sort.RELEVANCE if self.words else Sort.NEWEST
        return self.sort or Sort.NEWEST


class Entry(NamedTuple):
    """A product in a list. ``price`` is its least one now, in the currency asked for; ``key`` is its place."""

    id: UUID
    slug: str
    name: str
    categories: Sequence[str]
    attributes: Mapping[str, str]
    image: Image | None
    price: Money | None
    published_at: datetime
    key: int | str | datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries, one more than asked for if another page follows."""

    matching: Matching
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Facets:
    """How many of all products that are wanted lie in which category and have which attribute, most first."""

    total: int
    categories: Sequence[tuple[str, int]]
    attributes: Mapping[str, Sequence[tuple[str, int]]]
