"""Published products as people look for them: by words, by similar words, by what they are, by what they cost.

Words are looked for with PostgreSQL's full text first, which knows that "shirts" is "shirt". Where nothing has them,
somebody has mistyped: then with trigrams (``pg_trgm``), which find "headphones" for "hedphones". So a search costs the
second way only when the first has found nothing, and a right word is never drowned by similar ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.ext.asyncio import AsyncConnection

from catalog.data.tables import categories, offers, products
from catalog.domain.listing import Entry, Facets, Found, Matching, Sort, Wanted
from catalog.domain.ports import After
from catalog.domain.products import Status
from chassis.database import Database
from chassis.keyset import read_page
from chassis.money import Money

_MOST_VALUES = 100
"""Per kind of facet: the most frequent ones, which is more than anybody reads."""

_SIMILARITY = 0.39
"""From which share of common trigrams on a word counts as meant; one wrong letter of six leaves 0.4."""

_SHORTEST = 3
_MOST_WORDS = 8
_FINE = 1_000_000
"""Ranks are fractions; a cursor holds whole numbers."""

_for_sale = products.c.status == Status.PUBLISHED
_text = func.lower(products.c.name + " " + products.c.keywords)
_english = cast("english", REGCONFIG)


@dataclass(frozen=True, slots=True)
class _Match:
    """How words are looked for: a condition, and how well a product fulfils it."""

    matching: Matching
    condition: ColumnElement[bool]
    rank: ColumnElement[int]


class SqlProductListing:
    """The ``ProductListing`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, wanted: Wanted, now: datetime, *, after: After, limit: int) -> Found:
        """Return a page; see the port."""
        match = _exact(wanted.words)
        async with self._database.read() as connection:
            rows = (await connection.execute(_page(wanted, match, now, after, limit))).all()
            known = bool(rows) or await _is_known(connection, wanted.words)
        if not known:
            match = _similar(wanted.words or "")
            rows = await self._by_similarity(_page(wanted, match, now, after, limit))
        return Found(match.matching, [_entry(row, wanted.currency) for row in rows])

    async def count(self, wanted: Wanted, now: datetime, matching: Matching) -> Facets:
        """Count; see the port."""
        if matching is Matching.SIMILAR:
            return _facets(await self._by_similarity(_counts(wanted, _similar(wanted.words or ""), now)))
        async with self._database.read() as connection:
            rows = (await connection.execute(_counts(wanted, _exact(wanted.words), now))).all()
        return _facets(rows)

    async def _by_similarity(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        """Run a statement for which similar words are as similar as is meant here."""
        async with self._database.transaction() as session:
            threshold = func.set_config("pg_trgm.word_similarity_threshold", str(_SIMILARITY), True)
            await session.execute(select(threshold))
            rows: Sequence[Row[Any]] = (await session.execute(statement)).all()
        return rows


def _exact(words: str | None) -> _Match:
    if words is None:
        return _Match(Matching.ALL, literal(True), cast(0, BigInteger))
    rank = func.ts_rank(products.c.search, _query(words), 1)
    return _Match(Matching.WORDS, _has(words), cast(rank * _FINE, BigInteger))


def _has(words: str) -> ColumnElement[bool]:
    return products.c.search.op("@@")(_query(words))


def _query(words: str) -> ColumnElement[Any]:
    return func.websearch_to_tsquery(_english, words)


async def _is_known(connection: AsyncConnection, words: str | None) -> bool:
    """Tell whether anything has the words; nothing else that is wanted matters."""
    return words is None or bool(await connection.scalar(select(exists().where(_for_sale, _has(words)))))


def _similar(words: str) -> _Match:
    meant = [each for each in dict.fromkeys(re.findall(r"\w+", words.lower())) if len(each) >= _SHORTEST][:_MOST_WORDS]
    if not meant:
        return _Match(Matching.SIMILAR, literal(False), cast(0, BigInteger))
    similar = and_(*(literal(each, Text).op("<%")(_text) for each in meant))
    in_name = [func.word_similarity(each, func.lower(products.c.name)) for each in meant]
    anywhere = [func.word_similarity(each, _text) for each in meant]
    rank = sum(in_name[1:] + anywhere, in_name[0])
    return _Match(Matching.SIMILAR, similar, cast(rank * _FINE, BigInteger))


def _page(wanted: Wanted, match: _Match, now: datetime, after: After, limit: int) -> Select[Any]:
    key, descending = _key(wanted.order, match)
    columns = [products.c[name] for name in ("slug", "name", "categories", "attributes", "images")]
    chosen = select(products.c.id, *columns, products.c.published_at, *_price(wanted), key.label("key"))
    filtered = _filtered(chosen, wanted, match, now)
    return read_page(filtered, key, products.c.id, after=after, limit=limit, descending=descending)


def _key(order: Sort, match: _Match) -> tuple[ColumnElement[Any], bool]:
    """Return what a list is sorted by, and whether from the greatest down."""
    if order is Sort.RELEVANCE:
        return match.rank, True
    if order is Sort.NEWEST:
        return products.c.published_at, True
    if order is Sort.NAME:
        return func.lower(products.c.name, type_=Text), False
    # Words leave few products, of which the planner expects many more when the words go together ("travel backpack").
    # It would walk along all prices until it has met a page of them. A sum has no index, so it sorts what there is.
    return (offers.c.amount_minor if match.matching is Matching.ALL else offers.c.amount_minor + 0), False


def _price(wanted: Wanted) -> list[ColumnElement[Any]]:
    return [] if wanted.currency is None else [offers.c.amount_minor]


def _filtered(statement: Select[Any], wanted: Wanted, match: _Match, now: datetime) -> Select[Any]:
    statement = statement.where(_for_sale, match.condition)
    if wanted.category is not None:
        statement = statement.where(products.c.categories.overlap(_within(wanted.category)))
    for name, values in wanted.attributes.items():
        facets = literal([f"{name}={value}" for value in values], ARRAY(Text))
        statement = statement.where(products.c.facets.overlap(facets))
    if wanted.currency is None:
        return statement
    holds = and_(offers.c.valid_from <= now, or_(offers.c.valid_until.is_(None), offers.c.valid_until > now))
    own = and_(offers.c.product_id == products.c.id, offers.c.currency == wanted.currency, holds)
    statement = statement.join_from(products, offers, own)
    if wanted.price_min is not None:
        statement = statement.where(offers.c.amount_minor >= wanted.price_min)
    if wanted.price_max is not None:
        statement = statement.where(offers.c.amount_minor <= wanted.price_max)
    return statement


def _within(slug: str) -> ColumnElement[Any]:
    """Return a category and all that lies in it, as an array."""
    tree = select(categories.c.slug).where(categories.c.slug == slug).cte("tree", recursive=True)
    tree = tree.union_all(select(categories.c.slug).join(tree, categories.c.parent == tree.c.slug))
    return func.array(select(tree.c.slug).scalar_subquery(), type_=ARRAY(Text))


def _counts(wanted: Wanted, match: _Match, now: datetime) -> Select[Any]:
    chosen = _filtered(select(products.c.categories, products.c.facets), wanted, match, now)
    matched = chosen.cte("matched").prefix_with("MATERIALIZED")
    each = []
    for name in ("categories", "facets"):
        values = select(func.unnest(matched.c[name]).label("value")).subquery()
        counted = select(literal(name).label("kind"), values.c.value, func.count().label("times"))
        each.append(counted.group_by(values.c.value))
    total = select(literal("total"), literal(""), func.count()).select_from(matched)
    return select(union_all(*each, total).subquery())


def _facets(rows: Sequence[Any]) -> Facets:
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


def _entry(row: Any, currency: str | None) -> Entry:
    return Entry(
        id=row.id,
        slug=row.slug,
        name=row.name,
        categories=row.categories,
        attributes=row.attributes,
        image=row.images[0] if row.images else None,
        price=None if currency is None else Money(row.amount_minor, currency),
        published_at=row.published_at,
        key=row.key,
    )
