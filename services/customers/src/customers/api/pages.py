"""A page of a list, as it is answered."""

from collections.abc import Sequence
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from chassis.idempotency import Identified
from chassis.pagination import Page, PageParams, cut, link_next

OutT = TypeVar("OutT", bound=BaseModel)


def page_of(
    out: type[OutT], rows: Sequence[Identified], paging: PageParams, request: Request, response: Response
) -> Page[OutT]:
    """Return ``rows``, which are in the order of their ids, as a page, and link it to the next one."""
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.id,))
    link_next(request, response, next_cursor)
    return Page(items=[out.model_validate(each) for each in page], next_cursor=next_cursor)
