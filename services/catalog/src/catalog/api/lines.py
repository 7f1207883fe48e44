"""Files of products, line by line: CSV, with a row per variant, and JSON lines, with a product per line.

Both are read as they arrive and never as a whole. The names of CSV columns:

=============================================  =====================================================================
``slug``                                       which product; rows of one product follow each other or not
``name description status categories images``  the product's; categories and images are separated by spaces
``attr.<name>``                                an attribute of the product
``sku variant weight_grams tax_class``         the variant's; without a SKU the row is about the product alone
``variant.<name>``                             an attribute of the variant
``price.<currency>``                           what the variant costs from now on, in minor units
=============================================  =====================================================================

An empty cell says nothing: what was there stays. A variant is said as a whole, but for its prices.
"""

import csv
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import orjson
from pydantic import Field, ValidationError

from catalog.api.fields import Line as OneLine
from catalog.api.fields import Sku, Slug
from catalog.api.schemas import PriceIn, ProductPatch, VariantFields
from catalog.domain.imports import GivenPrice, GivenVariant, Line, LineRefusedError, Record
from catalog.domain.prices import MAX_PRICES
from catalog.domain.products import MAX_VARIANTS, Status
from chassis.csv_rows import ends_row

PIECE = 500
"""Lines that are imported together."""

MOST_BYTES = 262_144
"""Of one line."""

_MOST_DIGITS = 18
_LISTS = {"categories", "images"}
_OWN = {"slug", "name", "description", "status"}
_VARIANTS = {"sku": "sku", "variant": "name", "weight_grams": "weight_grams", "tax_class": "tax_class"}


class LineTooLongError(Exception):
    """A line does not end where it should have long since."""


class VariantLine(VariantFields):
    """A variant in a line; without ``prices`` it keeps those it has."""

    sku: Sku
    prices: Annotated[list[PriceIn], Field(max_length=MAX_PRICES)] | None = None

    def given(self) -> GivenVariant:
        """Return what the domain makes of it."""
        if self.prices is None:
            return GivenVariant(self.to_spec(self.sku), None)
        prices = [GivenPrice(each.price.to_money(), each.valid_from, each.valid_until) for each in self.prices]
        return GivenVariant(self.to_spec(self.sku), prices)


class ProductLine(ProductPatch):
    """A line: a product by its slug, and what is said of it."""

    slug: Slug
    name: OneLine = ""
    status: Status | None = None
    variants: Annotated[list[VariantLine], Field(max_length=MAX_VARIANTS)] = Field(default=[])

    def given(self) -> Record:
        """Return what the domain makes of it."""
        patch = self.model_dump(exclude_unset=True, exclude={"slug", "status", "variants"})
        return Record(self.slug, patch, [each.given() for each in self.variants], self.status)


async def records(chunks: AsyncIterator[bytes], *, quoted: bool) -> AsyncIterator[str | None]:
    """Cut a body into its lines; where it is ``quoted``, as CSV is, a line break between quotes belongs to the line.

    Yields:
        Each line that is not blank; None in the place of one that is not UTF-8.

    Raises:
        LineTooLongError: Where the next line should come, which may have no end.
    """
    pending, begun = b"", b""
    async for chunk in chunks:
        *parts, pending = (pending + chunk).split(b"\n")
        for part in parts:
            if quoted and not ends_row(part, within=bool(begun)):
                begun += part + b"\n"
                continue
            line, begun = begun + part, b""
            if len(line) > MOST_BYTES:
                raise LineTooLongError
            if line.strip():
                yield _text(line)
        if len(begun) + len(pending) > MOST_BYTES:
            raise LineTooLongError
    if (begun + pending).strip():
        yield _text(begun + pending)


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


async def pieces(body: AsyncIterator[bytes], *, is_csv: bool, after: int) -> AsyncIterator[list[Line]]:
    """Read a body's lines, numbered from ``after`` on, some at a time.

    Raises:
        LineRefusedError: Nothing can be made of the body from here on: a CSV header with an unknown column, or a line
            that is too long. What comes before it was returned.
    """
    found: list[Line] = []
    read: Callable[[str], Record] | None = None if is_csv else from_json
    number, too_long = after, False
    try:
        async for text in records(body, quoted=is_csv):
            if read is None:
                read = csv_reader(text or "")
                continue
            number += 1
            found.append(_line(number, text, read))
            if len(found) == PIECE:
                yield found
                found = []
    except LineTooLongError:
        too_long = True
    if found:
        yield found
    if too_long:
        raise LineRefusedError(f"Line {number + 1} has more than {MOST_BYTES} bytes, or a quote that never ends.")


def _line(number: int, text: str | None, read: Callable[[str], Record]) -> Line:
    if text is None:
        return Line(number, LineRefusedError("It is not UTF-8."))
    try:
        return Line(number, read(text))
    except LineRefusedError as error:
        return Line(number, error)
    except ValidationError as error:
        return Line(number, LineRefusedError("; ".join(_sentences(error))[:1000]))


def _sentences(error: ValidationError) -> Iterator[str]:
    """Say what is wrong where; the names are the sender's, and may be anything."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(step) for step in each["loc"])
        yield f"{''.join(c if c.isprintable() else '?' for c in place)}: {each['msg']}"


def from_json(text: str) -> Record:
    """Read a line of JSON."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise LineRefusedError("It is not JSON.") from error
    return ProductLine.model_validate(document).given()


def csv_reader(header: str) -> Callable[[str], Record]:
    """Return what reads the rows below a header.

    Raises:
        LineRefusedError: A column is not one of ours, or there is none for the slug.
    """
    columns = [name.strip() for name in _cells(header.lstrip("\ufeff"))]
    unknown = [name for name in columns if not _is_known(name)]
    if unknown or "slug" not in columns or len(set(columns)) < len(columns):
        raise LineRefusedError(
            f"Unknown columns: {', '.join(unknown)}." if unknown else "The header names slug, and each column once."
        )

    def read(text: str) -> Record:
        cells = _cells(text)
        if len(cells) != len(columns):
            raise LineRefusedError(f"It has {len(cells)} cells, and the header {len(columns)}.")
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
        return ProductLine.model_validate(_document(row)).given()

    return read


def _cells(row: str) -> list[str]:
    try:
        return next(csv.reader([row]), [])
    except csv.Error as error:
        raise LineRefusedError(f"It is no row of CSV: {error}.") from error


def _is_known(name: str) -> bool:
    prefix, _, rest = name.partition(".")
    return name in _OWN | _LISTS or name in _VARIANTS or (prefix in {"attr", "variant", "price"} and bool(rest))


def _document(row: dict[str, str]) -> dict[str, Any]:
    """Return a row as the same product would be in JSON."""
    document: dict[str, Any] = {name: row[name] for name in _OWN & row.keys()}
    if "categories" in row:
        document["categories"] = row["categories"].split()
    if "images" in row:
        document["images"] = [{"url": url} for url in row["images"].split()]
    if attributes := _prefixed(row, "attr."):
        document["attributes"] = attributes
    if "sku" in row:
        variant: dict[str, Any] = {ours: row[name] for name, ours in _VARIANTS.items() if name in row}
        variant["attributes"] = _prefixed(row, "variant.")
        if prices := _prefixed(row, "price."):
            variant["prices"] = [{"price": _money(currency, cell)} for currency, cell in prices.items()]
        document["variants"] = [variant]
    return document


def _money(currency: str, cell: str) -> dict[str, Any]:
    whole = cell.isascii() and cell.isdigit() and len(cell) <= _MOST_DIGITS
    return {"amount": int(cell) if whole else cell, "currency": currency}


def _prefixed(row: dict[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): cell for name, cell in row.items() if name.startswith(prefix)}
