"""Imports: many products at once, line by line, so that one that was cut short goes on where it ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from catalog.domain.prices import Price, checked, price_at
from catalog.domain.products import Details, Product, Status, merged
from catalog.domain.variants import Spec
from chassis.errors import ConflictError, InvalidError, NotFoundError, ServiceError
from chassis.ids import uuid7
from chassis.money import Money


class ImportNotFoundError(NotFoundError):
    """There is no import with this id, or it is so long ago that its report is gone."""

    code = "import-not-found"
    title = "No such import"


class ImportGapError(ConflictError):
    """Lines were sent that do not follow those which were imported; ``lines`` says how many were."""

    code = "import-gap"
    title = "Lines are missing before these"


class ImportFinishedError(ConflictError):
    """Its last line was sent already."""

    code = "import-finished"
    title = "The import is finished"


class LineRefusedError(InvalidError):
    """A line of an import cannot be read, or lacks what a product needs."""

    code = "line-refused"
    title = "A line cannot be imported"


class Outcome(StrEnum):
    """What became of a line."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class GivenPrice:
    """A price as a line has it: without a beginning it is what something costs from now on."""

    money: Money
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class GivenVariant:
    """A variant as a line has it; None for prices leaves those it has."""

    spec: Spec
    prices: Sequence[GivenPrice] | None


@dataclass(frozen=True, slots=True)
class Record:
    """What a line says of the product with this slug. ``patch`` is a merge patch of its ``Details``."""

    slug: str
    patch: Mapping[str, Any]
    variants: Sequence[GivenVariant] = ()
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line by its number, from one: a record, or why it cannot be read."""

    number: int
    content: Record | ServiceError


class Report(NamedTuple):
    """What became of a line; ``code`` and ``detail`` say why it was refused."""

    line: int
    outcome: Outcome
    slug: str | None = None
    code: str | None = None
    detail: str | None = None

    @classmethod
    def refused(cls, line: Line, error: ServiceError) -> "Report":
        """Say why a line was refused."""
        slug = line.content.slug if isinstance(line.content, Record) else None
        return cls(line.number, Outcome.REFUSED, slug, error.code, error.detail)


class Import:
    """An import and how far it is: ``lines`` is the number of the last line that is done with."""

    def __init__(self, name: str, now: datetime) -> None:
        self.id = uuid7()
        self.name = name
        self.started_at = now
        self.finished_at: datetime | None = None
        self.lines = 0
        self.created = self.changed = self.unchanged = self.refused = 0

    def follow(self, after: int) -> None:
        """Refuse lines that do not follow those which are done with; the same ones again are skipped later.

        Raises:
            ImportGapError: There are lines between.
        """
        if after > self.lines:
            raise ImportGapError(f"Go on after line {self.lines}.", lines=self.lines)

    def left(self, piece: Sequence[Line]) -> list[Line]:
        """Return those lines that are not done with.

        Raises:
            ImportFinishedError: There are some, and the last one was sent already.
        """
        left = [line for line in piece if line.number > self.lines]
        if left and self.finished_at is not None:
            raise ImportFinishedError
        return left

    def take(self, reports: Iterable[Report]) -> None:
        """Count lines that are done with."""
        for report in reports:
            self.lines = report.line
            setattr(self, report.outcome, getattr(self, report.outcome) + 1)

    def finish(self, now: datetime) -> None:
        """There are no more lines."""
        self.finished_at = self.finished_at or now


@dataclass(slots=True)
class Stock:
    """The products that some lines are about, by slug, and the categories there are of those they name."""

    products: dict[str, Product]
    categories: frozenset[str]
    touched: list[Product] = field(default_factory=list)


def bring_in(record: Record, stock: Stock, now: datetime) -> Outcome:
    """Make the product what a record says; what it does not mention stays.

    Raises:
        LineRefusedError: A new product has no name, or lies in a category that does not exist.
        ServiceError: Whatever rule of the product it breaks. The product is half changed then, and to be forgotten.
    """
    if unknown := [slug for slug in record.patch.get("categories") or () if slug not in stock.categories]:
        raise LineRefusedError(f"There is no category {unknown[0]}.")
    product = stock.products.get(record.slug)
    if product is None:
        product = stock.products[record.slug] = _made(record, now)
        outcome, before = Outcome.CREATED, 0
    else:
        outcome, before = Outcome.CHANGED, product.version
        _changed(product, record, now)
    if record.status is Status.PUBLISHED:
        product.publish(now)
    elif record.status is Status.ARCHIVED:
        product.archive(now)
    if product.version == before:
        return Outcome.UNCHANGED
    stock.touched.append(product)
    return outcome


def _made(record: Record, now: datetime) -> Product:
    if not record.patch.get("name"):
        raise LineRefusedError("A new product needs a name.")
    variants = [(each.spec, schedule((), each.prices or (), now)) for each in record.variants]
    return Product(merged(Details(record.slug, ""), record.patch), variants, now)


def _changed(product: Product, record: Record, now: datetime) -> None:
    patch = dict(record.patch)
    if images := patch.get("images"):
        # CSV has no place for what an image shows; one that is there already goes on showing it.
        known = {each.url: each.alt for each in product.images}
        patch["images"] = [{"alt": known.get(each["url"], ""), **each} for each in images]
    product.change(merged(product.details, patch), now)
    for each in record.variants:
        before = product.variant(each.spec.sku).prices if each.spec.sku in product.skus else ()
        product.put_variant(each.spec, None if each.prices is None else schedule(before, each.prices, now), now)


def schedule(known: Sequence[Price], given: Sequence[GivenPrice], now: datetime) -> tuple[Price, ...]:
    """Return the schedule that a line leaves a variant with.

    Prices with a beginning are the whole schedule. One without is what it costs from now on, which is no change where
    it costs that already: so a file may be imported again. What can never hold again is left out then.
    """
    dated = [Price(each.money, each.valid_from, each.valid_until) for each in given if each.valid_from]
    prices = list(dated or known)
    for each in given:
        if each.valid_from is None and price_at(prices, each.money.currency, now) != each.money:
            kept = [price for price in prices if price.money.currency != each.money.currency or price.valid_from > now]
            prices = [*kept, Price(each.money, now, each.valid_until)]
    return checked(prices)
