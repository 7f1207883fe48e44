"""``tradewind reconcile``: what the books of the services say about orders, compared, legibly."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import click

from tradewind.target import Target

_BOOKS = {"ledger": "payments' ledger", "provider": "the provider", "stock": "inventory"}


def compare(target: Target, as_of: str | None) -> dict[str, Any]:
    """Have the books compared; return the document of ``GET /v1/reconciliation``.

    Raises:
        UnreachableError, UnexpectedAnswerError: The system or one of its services is away, or does not let us.
    """
    query = f"?{urlencode({'as_of': as_of})}" if as_of else ""
    headers = {"Authorization": f"Bearer {target.staff_token()}"}
    found: dict[str, Any] = (
        target.api.send("GET", f"/v1/reconciliation{query}", headers=headers).expect(HTTPStatus.OK).body
    )
    return found


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
