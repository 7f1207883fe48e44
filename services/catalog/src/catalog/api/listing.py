"""Products as everybody looks for them."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from prometheus_client import Counter
from pydantic import Field, StringConstraints

from catalog.api.deps import Listing, Now
from catalog.api.fields import Currency, Slug
from catalog.api.schemas import FacetsOut, ProductPage, ProductSummaryOut
from catalog.domain.listing import CurrencyMissingError, Sort, Wanted
from catalog.domain.ports import After
from chassis.errors import InvalidError
from chassis.pagination import MalformedCursorError, PageParams, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router

_searches = Counter(
    "tradewind_catalog_searches_total", "Searches for words, by what they found.", ("matching", "outcome")
)
router = Router(prefix="/v1/products", tags=["products"])

Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Amount = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]

_PREFIX = "attr."
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,29}")
_MOST_ATTRIBUTES = 10
_MOST_VALUES = 20
_MOST_CHARACTERS = 100


class AttributeFilterError(InvalidError):
    """An ``attr.`` parameter is not the name of an attribute, or there are too many."""

    code = "attribute-filter"
    title = "The filter by attributes is not acceptable"


def attributes(request: Request) -> dict[str, list[str]]:
    """Return the values that are wanted of each attribute, from ``attr.<name>=<value>``.

    Raises:
        AttributeFilterError: A name no attribute can have, or more than anybody needs.
    """
    wanted: dict[str, list[str]] = {}
    for parameter, value in request.query_params.multi_items():
        if not parameter.startswith(_PREFIX):
            continue
        name = parameter.removeprefix(_PREFIX)
        if not _ATTRIBUTE.fullmatch(name) or not 0 < len(value) <= _MOST_CHARACTERS or not value.isprintable():
            raise AttributeFilterError(f"An attribute is filtered by {_PREFIX}<name>=<value>.")
        wanted.setdefault(name, []).append(value)
    if len(wanted) > _MOST_ATTRIBUTES or any(len(values) > _MOST_VALUES for values in wanted.values()):
        raise AttributeFilterError(f"At most {_MOST_ATTRIBUTES} attributes with {_MOST_VALUES} values each, please.")
    return wanted


async def criteria(
    request: Request,
    q: Annotated[Words | None, Query(description="Words; a mistyped one finds what is similar.")] = None,
    category: Annotated[Slug | None, Query(description="The slug of a category; what lies in it counts.")] = None,
    price_min: Annotated[Amount | None, Query(description="In minor units of the currency.")] = None,
    price_max: Annotated[Amount | None, Query(description="In minor units of the currency.")] = None,
    currency: Annotated[Currency | None, Query(description="Lists what is sold in it, with its prices.")] = None,
    sort: Annotated[Sort | None, Query(description="By default relevance with words, newest without.")] = None,
) -> Wanted:
    """Return what to look for; what is absent makes no difference."""
    return Wanted(q or None, category, attributes(request), currency, price_min, price_max, sort)


def place(order: Sort, paging: PageParams) -> After:
    """Return where the page before ended, in this order."""
    if order is Sort.NEWEST:
        return paging.after(datetime, UUID)
    if order is Sort.NAME:
        return paging.after(str, UUID)
    return paging.after(int, UUID)


@router.get("", responses=responses(MalformedCursorError, CurrencyMissingError, AttributeFilterError))
async def list_products(
    wanted: Annotated[Wanted, Depends(criteria)],
    paging: Paging,
    products: Listing,
    now: Now,
    request: Request,
    response: Response,
    *,
    facets: Annotated[bool, Query(description="Count categories and attributes of all that is found.")] = False,
) -> ProductPage:
    """Look for products that are sold.

    Beside these parameters, `attr.<name>=<value>` filters by an attribute of the product or of one of its variants,
    such as `attr.colour=blue`; repeated, either value will do.
    """
    found = await products.search(wanted, now, after=place(wanted.order, paging), limit=paging.limit)
    if wanted.words:
        _searches.labels(found.matching, "found" if found.entries else "nothing").inc()
    page, next_cursor = cut(found.entries, paging.limit, key=lambda entry: (entry.key, entry.id))
    link_next(request, response, next_cursor)
    return ProductPage(
        items=[ProductSummaryOut.model_validate(each) for each in page],
        next_cursor=next_cursor,
        matching=found.matching,
        facets=FacetsOut.of(await products.count(wanted, now, found.matching)) if facets else None,
    )
