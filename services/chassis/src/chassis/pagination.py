"""Lists in pages: ``?limit=&cursor=`` → ``{"items": [...], "next_cursor": ...}`` and a ``Link`` header.

::

    @router.get("/v1/customers", responses=responses(MalformedCursorError))
    async def list_customers(paging: Paging, request: Request, response: Response, ...) -> Page[CustomerOut]:
        rows = await directory.list(after=paging.after(datetime, UUID), limit=paging.limit)    # by `read_page`
        page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.created_at, row.id))
        link_next(request, response, next_cursor)
        return Page(items=[CustomerOut.of(row) for row in page], next_cursor=next_cursor)

Pages are cut by key, never by offset: a row that is added or removed meanwhile shifts nothing, and the last page costs
what the first does. ``keyset.read_page`` makes the statement, which reads one row more than the page has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, overload
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.cursors import CursorValue, MalformedCursorError, decode, encode

__all__ = ["MalformedCursorError", "Page", "PageParams", "Paging", "cut", "link_next"]

Item = TypeVar("Item")
Row = TypeVar("Row")
A = TypeVar("A", str, int, datetime, UUID)
B = TypeVar("B", str, int, datetime, UUID)
C = TypeVar("C", str, int, datetime, UUID)


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    model_config = ConfigDict(frozen=True)

    items: list[Item]
    next_cursor: str | None = Field(description="Ask with it for the next page; null on the last one.")


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which page is asked for; ``Paging`` is the dependency."""

    limit: Annotated[int, Query(ge=1, le=100, description="How many items at most.")] = 20
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before; absent for the first.")] = None

    @overload
    def after(self, a: type[A], /) -> tuple[A] | None: ...
    @overload
    def after(self, a: type[A], b: type[B], /) -> tuple[A, B] | None: ...
    @overload
    def after(self, a: type[A], b: type[B], c: type[C], /) -> tuple[A, B, C] | None: ...
    def after(self, /, *types: Any) -> tuple[Any, ...] | None:
        """Return the sort key of the last row before the page, None for the first page.

        Raises:
            MalformedCursorError: The cursor is not one of a list that is sorted by these types.
        """
        return None if self.cursor is None else decode(self.cursor, *types)


Paging = Annotated[PageParams, Depends()]


def cut(
    rows: Sequence[Row], limit: int, *, key: Callable[[Row], Sequence[CursorValue]]
) -> tuple[Sequence[Row], str | None]:
    """Cut a page off its rows: the one too many only tells that there is more.

    Args:
        rows: In order, from the page's first, read with ``limit + 1``.
        limit: How many the page has at most.
        key: Returns a row's sort key: the values that ``after`` of the next page will return.

    Returns:
        The page's rows, and the next page's cursor or None.
    """
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, encode(key(page[-1]))


def link_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Add ``Link: <...>; rel="next"`` to the response, the request's other parameters kept; nothing on the last page.

    The target is relative, because only the gateway knows under which name the caller sees us.
    Source: RFC 8288, section 3.
    """
    if next_cursor is None:
        return
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    target = f"{quote(request.scope['path'])}?{urlencode([*kept, ('cursor', next_cursor)])}"
    response.headers.append("link", f'<{target}>; rel="next"')
