"""Statements that read a part of a list, by key: a page for ``pagination``, or a stretch; with SQLAlchemy Core."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, literal, true, tuple_

from chassis.cursors import CursorValue
from chassis.spans import Span

S = TypeVar("S", bound=Select[Any])


def beyond(
    columns: Sequence[ColumnElement[Any]],
    values: Sequence[CursorValue | ColumnElement[Any]],
    *,
    descending: bool = False,
) -> ColumnElement[bool]:
    """Return the condition that a row comes after ``values`` in the order of ``columns``.

    One comparison of rows, ``(a, b) > (x, y)``, which PostgreSQL answers from an index on ``(a, b)``.
    """
    bound = [
        value if isinstance(value, ColumnElement) else literal(value, column.type)
        for column, value in zip(columns, values, strict=True)
    ]
    left, right = tuple_(*columns), tuple_(*bound)
    return left < right if descending else left > right


def within(column: ColumnElement[Any], span: Span[Any]) -> ColumnElement[bool]:
    """Return the condition that a column's value lies in a stretch."""
    first = true() if span.first is None else column >= span.first
    return first if span.before is None else and_(first, column < span.before)


def read_page(
    statement: S,
    *columns: ColumnElement[Any],
    after: Sequence[CursorValue | ColumnElement[Any]] | None,
    limit: int,
    descending: bool = False,
) -> S:
    """Order a statement by ``columns``, begin it after a key, and read one row more than the page has.

    Args:
        statement: With its filters; without order and limit.
        columns: The sort key: not null, together unique, in one direction, and indexed in this order.
        after: The key of the last row before the page (``PageParams.after``), or what it is bound to; None for the
            first page.
        limit: The page's; ``cut`` takes the row too many off again.
        descending: From the greatest down.
    """
    if after is not None:
        statement = statement.where(beyond(columns, after, descending=descending))
    order = [column.desc() if descending else column.asc() for column in columns]
    return statement.order_by(*order).limit(limit + 1)
