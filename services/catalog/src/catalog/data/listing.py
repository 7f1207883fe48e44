"""Published products as people look for them: by words, by similar words, by what they are, by what they cost.

Words are looked for with PostgreSQL's full text first, which knows that "shirts" is "shirt". Where nothing has them,
somebody has mistyped: then with trigrams (``pg_trgm``), which find "headphones" for "hedphones". So a search costs the
second way only when the first has found nothing, and a right word is never drowned by similar ones.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import REGCONFIG

from catalog.data.tables import categories, offers, products
from catalog.domain.listing import Entry, Facets, Found, Matching, Sort, Wanted
from catalog.domain.ports import After
from catalog.domain.products import Status
from chassis.database import Database
from chassis.keyset import read_page
from chassis.lookups import Lookup
from chassis.money import Money

_MOST_VALUES = 100
"""Per kind of facet: the most frequent ones, which is more than anybody reads."""

_SIMILARITY = 0.39
"""From which share of common trigrams on a word counts as meant; one wrong letter of six leaves 0.4."""

_SHORTEST = 3
_MOST_WORDS = 8
_FINE = 1_000_000
"""Ranks are fractions; a cursor holds whole numbers."""

_MOST_STATEMENTS = 500

_for_sale = products.c.status == Status.PUBLISHED
_text = func.lower(products.c.name + " " + products.c.keywords)
_query = func.websearch_to_tsquery(cast("english", REGCONFIG), bindparam("words", type_=Text))
_has_words = products.c.search.op("@@")(_query)
_known = Lookup(select(exists().where(_for_sale, _has_words)))
_now = bindparam("now", type_=offers.c.valid_from.type)

_Row = tuple[Any, ...]


class _Shape(NamedTuple):
    """What tells the statement of one search from those of others; all else is a value that it is given.

    ``similar`` and ``attributes`` are how many there are. Without a ``limit`` everything is counted.
    """

    matching: Matching
    similar: int
    category: bool
    attributes: int
    currency: bool
    price_min: bool
    price_max: bool
    order: Sort = Sort.NEWEST
    after: bool = False
    limit: int | None = None

    @classmethod
    def of(cls, wanted: Wanted, matching: Matching) -> "_Shape":
        return cls(
            matching,
            similar=len(_meant(wanted.words)) if matching is Matching.SIMILAR else 0,
            category=wanted.category is not None,
            attributes=len(wanted.attributes),
            currency=wanted.currency is not None,
            price_min=wanted.price_min is not None,
            price_max=wanted.price_max is not None,
        )


class _Statement(NamedTuple):
    """A statement as a session runs it, and as the driver does."""

    select: Select[Any]
    lookup: Lookup


@dataclass(frozen=True, slots=True)
class _Match:
    """How words are looked for: a condition, and how well a product fulfils it."""

    condition: ColumnElement[bool]
    rank: ColumnElement[int]


class SqlProductListing:
    """The ``ProductListing`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, wanted: Wanted, now: datetime, *, after: After, limit: int) -> Found:
        """Return a page; see the port."""
        values = _values(wanted, now, after)
        matching = Matching.ALL if wanted.words is None else Matching.WORDS
        page = _Shape.of(wanted, matching)._replace(order=wanted.order, after=after is not None, limit=limit)
        async with self._database.read() as connection:
            rows = await _statement(page).lookup.rows(connection, values)
            if not rows and matching is Matching.WORDS:
                [[known]] = await _known.rows(connection, values)
                matching = Matching.WORDS if known else Matching.SIMILAR
        if matching is Matching.SIMILAR:
            similar = page._replace(matching=matching, similar=len(_meant(wanted.words)))
            rows = await self._by_similarity(_statement(similar), values)
        return Found(matching, [_entry(row, wanted.currency) for row in rows])

    async def count(self, wanted: Wanted, now: datetime, matching: Matching) -> Facets:
        """Count; see the port."""
        statement, values = _statement(_Shape.of(wanted, matching)), _values(wanted, now, None)
        if matching is Matching.SIMILAR:
            return _facets(await self._by_similarity(statement, values))
        async with self._database.read() as connection:
            return _facets(await statement.lookup.rows(connection, values))

    async def _by_similarity(self, statement: _Statement, values: dict[str, object]) -> list[_Row]:
        """Run a statement for which similar words are as similar as is meant here."""
        async with self._database.transaction() as session:
            threshold = func.set_config("pg_trgm.word_similarity_threshold", str(_SIMILARITY), True)
            await session.execute(select(threshold))
            return [tuple(row) for row in await session.execute(statement.select, values)]


def _values(wanted: Wanted, now: datetime, after: After) -> dict[str, object]:
    """Return what statements of any shape may be given."""
    facets = [[f"{name}={value}" for value in values] for name, values in wanted.attributes.items()]
    return {
        "words": wanted.words,
        "category": wanted.category,
        "currency": wanted.currency,
        "price_min": wanted.price_min,
        "price_max": wanted.price_max,
        "now": now,
        **dict(zip(("after_key", "after_id"), after or (), strict=False)),
        **{f"word_{number}": each for number, each in enumerate(_meant(wanted.words))},
        **{f"facets_{number}": each for number, each in enumerate(facets)},
    }


def _meant(words: str | None) -> list[str]:
    """Return the words that are long enough to be similar to something."""
    found = dict.fromkeys(re.findall(r"\w+", (words or "").lower()))
    return [each for each in found if len(each) >= _SHORTEST][:_MOST_WORDS]


@lru_cache(maxsize=_MOST_STATEMENTS)
def _statement(shape: _Shape) -> _Statement:
    """Make the statement of a shape, once: building and compiling it costs more than most searches."""
    match = _match(shape)
    if shape.limit is None:
        made = _counts(_filtered(select(products.c.categories, products.c.facets), shape, match))
        return _Statement(made, Lookup(made))
    key, descending = _key(shape, match)
    columns = [products.c[name] for name in ("id", "slug", "name", "categories", "attributes", "images")]
    price = [offers.c.amount_minor] if shape.currency else []
    chosen = select(*columns, products.c.published_at, key.label("key"), *price)
    after = (bindparam("after_key", type_=key.type), bindparam("after_id", type_=products.c.id.type))
    made = read_page(
        _filtered(chosen, shape, match),
        key,
        products.c.id,
        after=after if shape.after else None,
        limit=shape.limit,
        descending=descending,
    )
    return _Statement(made, Lookup(made))


def _match(shape: _Shape) -> _Match:
    if shape.matching is Matching.ALL:
        return _Match(true(), cast(0, BigInteger))
    if shape.matching is Matching.WORDS:
        return _Match(_has_words, cast(func.ts_rank(products.c.search, _query, 1) * _FINE, BigInteger))
    meant = [bindparam(f"word_{number}", type_=Text) for number in range(shape.similar)]
    if not meant:
        return _Match(false(), cast(0, BigInteger))
    similar = and_(*(each.op("<%")(_text) for each in meant))
    in_name = [func.word_similarity(each, func.lower(products.c.name)) for each in meant]
    anywhere = [func.word_similarity(each, _text) for each in meant]
    rank = sum(in_name[1:] + anywhere, in_name[0])
    return _Match(similar, cast(rank * _FINE, BigInteger))


def _key(shape: _Shape, match: _Match) -> tuple[ColumnElement[Any], bool]:
    """Return what a list is sorted by, and whether from the greatest down."""
    if shape.order is Sort.RELEVANCE:
        return match.rank, True
    if shape.order is Sort.NEWEST:
        return products.c.published_at, True
    if shape.order is Sort.NAME:
        return func.lower(products.c.name, type_=Text), False
    # Words leave few products, of which the planner expects many more when the words go together ("travel backpack").
    # It would walk along all prices until it has met a page of them. A sum has no index, so it sorts what there is.
    return (offers.c.amount_minor if shape.matching is Matching.ALL else offers.c.amount_minor + 0), False


def _filtered(statement: Select[Any], shape: _Shape, match: _Match) -> Select[Any]:
    statement = statement.where(_for_sale, match.condition)
    if shape.category:
        statement = statement.where(products.c.categories.overlap(_within_category()))
    for number in range(shape.attributes):
        statement = statement.where(products.c.facets.overlap(bindparam(f"facets_{number}", type_=ARRAY(Text))))
    if not shape.currency:
        return statement
    holds = and_(offers.c.valid_from <= _now, or_(offers.c.valid_until.is_(None), offers.c.valid_until > _now))
    in_it = offers.c.currency == bindparam("currency", type_=Text)
    statement = statement.join_from(products, offers, and_(offers.c.product_id == products.c.id, in_it, holds))
    if shape.price_min:
        statement = statement.where(offers.c.amount_minor >= bindparam("price_min", type_=BigInteger))
    if shape.price_max:
        statement = statement.where(offers.c.amount_minor <= bindparam("price_max", type_=BigInteger))
    return statement


def _within_category() -> ColumnElement[Any]:
    """Return the category and all that lies in it, as an array."""
    asked = categories.c.slug == bindparam("category", type_=Text)
    tree = select(categories.c.slug).where(asked).cte("tree", recursive=True)
    tree = tree.union_all(select(categories.c.slug).join(tree, categories.c.parent == tree.c.slug))
    return func.array(select(tree.c.slug).scalar_subquery(), type_=ARRAY(Text))


def _counts(chosen: Select[Any]) -> Select[Any]:
    matched = chosen.cte("matched").prefix_with("MATERIALIZED")
    each = []
    for name in ("categories", "facets"):
        values = select(func.unnest(matched.c[name]).label("value")).subquery()
        counted = select(literal(name).label("kind"), values.c.value, func.count().label("times"))
        each.append(counted.group_by(values.c.value))
    total = select(literal("total"), literal(""), func.count()).select_from(matched)
    return select(union_all(*each, total).subquery())


def _facets(rows: Iterable[_Row]) -> Facets:
    ordered = sorted(((kind, value, times) for kind, value, times in rows), key=lambda row: (-row[2], row[1]))
    total = next(times for kind, _, times in ordered if kind == "total")
    attributes: dict[str, list[tuple[str, int]]] = {}
    for kind, facet, times in ordered:
        if kind == "facets":
            name, _, value = facet.partition("=")
            values = attributes.setdefault(name, [])
            if len(values) < _MOST_VALUES:
                values.append((value, times))
    found = [(value, times) for kind, value, times in ordered if kind == "categories"]
    return Facets(total, found[:_MOST_VALUES], attributes)


def _entry(row: _Row, currency: str | None) -> Entry:
    id_, slug, name, within, attributes, images, published_at, key, *amount = row
    price = None if currency is None else Money(amount[0], currency)
    return Entry(id_, slug, name, within, attributes, images[0] if images else None, price, published_at, key)
