"""``tradewind reconcile``: what the books of the services say about orders, compared, legibly."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import click

from tradewind.staff import StaffApi

_ADDED_UP = ("orders", "left_out", "differences")
_BOOKS = {"ledger": "payments' ledger", "provider": "the provider", "stock": "inventory"}
_LIMIT = 100


def compare(staff: StaffApi, as_of: str | None, progress: Callable[[int], None]) -> dict[str, Any]:
    """Have the books compared; return all pages of ``GET /v1/reconciliation`` as one document.

    Args:
        staff: Asks the system as them.
        as_of: An instant with its offset; None for five seconds ago.
        progress: Called with the number of orders that were compared, after each page but the last.

    Raises:
        UnreachableError, UnexpectedAnswerError: The system or one of its services is away, or does not let us.
    """
    found: dict[str, Any] = {"orders": 0, "left_out": 0, "differences": []}
    wanted = {"as_of": as_of} if as_of else {}
    while True:
        query = urlencode({"limit": _LIMIT, **wanted})
        page = staff.send("GET", f"/v1/reconciliation?{query}").expect(HTTPStatus.OK).body
        found = {"as_of": page["as_of"], **{name: found[name] + page[name] for name in _ADDED_UP}}
        if page["next_cursor"] is None:
            return found
        progress(found["orders"])
        wanted = {"cursor": page["next_cursor"]}


def shown(found: dict[str, Any]) -> Iterator[str]:
    """Yield lines for a person: what was compared, and each difference below the order that it is about."""
    left_out = f", and {found['left_out']} left out that were under way" if found["left_out"] else ""
    yield f"As of {found['as_of']}: {_counted(found['orders'], 'order')} compared{left_out}."
    differences = found["differences"]
    if not differences:
        yield click.style("Every book says the same.", fg="green")
        return
    for order_id, those in groupby(differences, key=lambda each: each["order_id"]):
        yield f"\n{click.style(f'Order {order_id}', bold=True)}"
        for each in those:
            yield f"  {_BOOKS.get(each['book'], each['book'])} should say: {each['expected']}"
            yield f"  {'and says:':>{len(_BOOKS.get(each['book'], each['book'])) + 12}} {each['found']}"
    orders = len({each["order_id"] for each in differences})
    told = f"{_counted(len(differences), 'difference')}, of {_counted(orders, 'order')}."
    yield f"\n{click.style(told, fg='red')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
