"""Products as lines of a file, read and sent some hundred at a time."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from catalog.domain.ports import ProductDirectory
from catalog.domain.prices import prices_at
from catalog.domain.products import Status
from catalog.domain.views import ProductView, VariantView

_PIECE = 500


async def _pieces(products: ProductDirectory, status: Status | None) -> AsyncIterator[list[ProductView]]:
    """Yield all products, newest first, as they are when their piece is read."""
    after = None
    while page := await products.find_by_status(status, after=after, limit=_PIECE):
        yield page[:_PIECE]
        if len(page) <= _PIECE:
            return
        after = (page[_PIECE - 1].id,)


async def json_lines(products: ProductDirectory, status: Status | None) -> AsyncIterator[bytes]:
    """Yield a line of JSON per product, with everything there is to import."""
    async for piece in _pieces(products, status):
        yield b"".join(orjson.dumps(_document(product), option=orjson.OPT_APPEND_NEWLINE) for product in piece)


def _document(product: ProductView) -> dict[str, Any]:
    return {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "status": product.status,
        "categories": product.categories,
        "attributes": product.attributes,
        "images": [{"url": each.url, "alt": each.alt} for each in product.images],
        "variants": [_variant(each) for each in product.variants],
    }


def _variant(variant: VariantView) -> dict[str, Any]:
    prices = [
        {
            "price": {"amount": each.money.amount_minor, "currency": each.money.currency},
            "valid_from": each.valid_from,
            "valid_until": each.valid_until,
        }
        for each in variant.prices
    ]
    own = {name: getattr(variant, name) for name in ("sku", "name", "weight_grams", "tax_class", "attributes")}
    return {**own, "prices": prices}


async def csv_lines(products: ProductDirectory, status: Status | None) -> AsyncIterator[bytes]:
    """Yield a header and a row per variant; which columns there are depends on what the products have."""
    columns = [
        *(
            "slug",
            "name",
            "description",
            "status",
            "categories",
            "images",
            "sku",
            "variant",
            "weight_grams",
            "tax_class",
        ),
        *await products.find_columns(),
    ]
    yield _csv(columns, [dict(zip(columns, columns, strict=True))])
    now = datetime.now(UTC)
    async for piece in _pieces(products, status):
        yield _csv(columns, (row for product in piece for row in _rows(product, now)))


def _csv(columns: list[str], rows: Any) -> bytes:
    written = io.StringIO()
    csv.DictWriter(written, columns, extrasaction="ignore", lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


def _rows(product: ProductView, now: datetime) -> Iterator[dict[str, Any]]:
    own = {
        **{name: getattr(product, name) for name in ("slug", "name", "description", "status")},
        "categories": " ".join(product.categories),
        "images": " ".join(each.url for each in product.images),
        **{f"attr.{name}": value for name, value in product.attributes.items()},
    }
    if not product.variants:
        yield own
    for variant in product.variants:
        yield {
            **own,
            "sku": variant.sku,
            "variant": variant.name,
            "weight_grams": variant.weight_grams,
            "tax_class": variant.tax_class,
            **{f"variant.{name}": value for name, value in variant.attributes.items()},
            **{f"price.{each.currency}": each.amount_minor for each in prices_at(variant.prices, now)},
        }
