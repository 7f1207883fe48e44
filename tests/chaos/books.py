"""What must hold when everything is at rest, as anybody on the staff could see it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.chaos.shop import Goods
from tests.chaos.told import Told
from tests.e2e.people import Person

FINAL = frozenset({"confirmed", "rejected", "cancelled"})
_NOTHING_HELD = frozenset({"declined", "voided", "capture-refused", None})
_STEPS = ("placed", "reserved", "authorised", "pinned", "captured", "confirmed", "cancelled")


class Books:
    """What the system says of some orders, read once.

    Args:
        ids: The orders that shoppers were told of.
    """

    def __init__(self, staff: Person, goods: Goods, ids: Collection[str]) -> None:
        self._staff = staff
        self._goods = goods
        self.orders = {each: _read(staff, f"/v1/orders/{each}") for each in ids}

    def unfinished(self) -> list[str]:
        """Return the orders that are not final, or that something is still to be done for."""
        open_ones = [f"{each} is {order['status']}" for each, order in self.orders.items() if not _is_final(order)]
        return open_ones + [f"a saga goes on: {each}" for each in _all(self._staff, "/v1/sagas?state=running")]

    def expected(self) -> set[tuple[str, str]]:
        """Return what has to be told of the orders, of their money and of their stock: type and subject."""
        told: set[tuple[str, str]] = set()
        for order_id, order in self.orders.items():
            reached = {each["status"] for each in order["history"]}
            kinds = [f"orders.order-{each}" for each in ("placed", *FINAL) if each in reached]
            kinds += _money_told(self._payment(order_id)) + _stock_told(self._reservation(order_id))
            told |= {(f"tradewind.{kind}.v1", order_id) for kind in kinds}
        return told

    def broken(self, told: Told) -> Iterator[str]:
        """Yield every invariant that does not hold."""
        yield from self.unfinished()
        sold: Counter[str] = Counter()
        happened = told.instants()
        for order_id, order in self.orders.items():
            yield from _of_order(order_id, order, self._payment(order_id), self._reservation(order_id))
            yield from _of_history(order_id, order, happened)
            if order["status"] == "confirmed":
                for line in order["lines"]:
                    sold[line["sku"]] += line["quantity"]
        for sku in (*self._goods.skus, self._goods.late):
            rows = _read(self._staff, f"/v1/stock?sku={sku}")["items"]
            entries = _all(self._staff, f"/v1/stock-adjustments?sku={sku}")
            yield from _of_stock(sku, self._goods.pieces - sold[sku], rows, entries)
        yield from _of_ledger(_read(self._staff, "/v1/ledger/balances")["items"])
        yield from self._of_provider()
        yield from (f"the books differ: {each}" for each in _all(self._staff, "/v1/reconciliation", "differences"))
        yield from told.broken(self.expected())

    def _of_provider(self) -> Iterator[str]:
        """Compare with what the provider itself has written down."""
        money: Counter[str] = Counter()
        held: dict[str, bool] = defaultdict(bool)
        for each in _all(self._staff, "/v1/provider-operations"):
            order_id, kind, amount = each["authorisation"][:36], each["kind"], each["amount"]["amount"]
            approved = each["state"] == "approved"
            held[order_id] = approved if kind == "authorisation" else held[order_id] and kind == "refund"
            if approved and kind in ("capture", "refund"):
                money[order_id] += amount if kind == "capture" else -amount
        for order_id, order in self.orders.items():
            expected = order["total"]["amount"] if order["status"] == "confirmed" else 0
            if (money[order_id], held[order_id]) != (expected, False):
                state = f"took {money[order_id]} and holds {'more' if held[order_id] else 'nothing'}"
                yield f"{order_id} is {order['status']}, and the provider {state} where {expected} is right"

    def _payment(self, order_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = _read(self._staff, f"/v1/payments/{order_id}", missing={})
        return found

    def _reservation(self, order_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = _read(self._staff, f"/v1/reservations/{order_id}", missing={})
        return found


def _is_final(order: Mapping[str, Any]) -> bool:
    if order["status"] == "confirmed":
        return order["cancel_requested_at"] is None
    return order["status"] in FINAL


def _of_order(
    order_id: str, order: Mapping[str, Any], payment: Mapping[str, Any], reservation: Mapping[str, Any]
) -> Iterator[str]:
    captured, refunded = ((payment.get(each) or {"amount": 0})["amount"] for each in ("captured", "refunded"))
    held = reservation.get("state")
    if order["status"] == "confirmed":
        if (captured, refunded) != (order["total"]["amount"], 0):
            yield f"{order_id} is confirmed, {captured} of it captured, {refunded} refunded"
        if held != "committed":
            yield f"{order_id} is confirmed, and its stock is {held}"
        return
    if captured != refunded or (captured == 0 and payment.get("state") not in _NOTHING_HELD):
        yield f"{order_id} is {order['status']} and holds money: {payment}"
    out = sum(line["quantity"] - line["returned"] for line in reservation.get("lines", ()))
    if held in ("held", "pinned") or (held == "committed" and out):
        yield f"{order_id} is {order['status']} and its stock is {held}"


def _of_history(order_id: str, order: Mapping[str, Any], happened: Mapping[tuple[str, str], datetime]) -> Iterator[str]:
    """Find what an order says before it was so: results of a worker that somebody else had taken over from."""
    statuses = [each["status"] for each in order["history"]]
    known = [each for each in statuses if each in _STEPS]
    if known != sorted(set(known), key=_STEPS.index):
        yield f"{order_id} went {' '.join(statuses)}"
    sources = {
        "reserved": "inventory.stock-reserved",
        "authorised": "payments.payment-authorised",
        "captured": "payments.payment-captured",
        "confirmed": "inventory.stock-committed",
    }
    for each in order["history"]:
        kind = sources.get(each["status"])
        if kind is None:
            continue
        at = happened.get((f"tradewind.{kind}.v1", order_id))
        if at is None or at > datetime.fromisoformat(each["at"]):
            yield f"{order_id} was {each['status']} at {each['at']}, {kind} came at {at}"


def _of_stock(
    sku: str, expected: int, rows: list[Mapping[str, Any]], entries: list[Mapping[str, Any]]
) -> Iterator[str]:
    on_hand, reserved = sum(row["on_hand"] for row in rows), sum(row["reserved"] for row in rows)
    if (on_hand, reserved) != (expected, 0):
        yield f"{sku}: {on_hand} on hand and {reserved} reserved, where {expected} should be left"
    if (booked := sum(each["quantity"] for each in entries)) != on_hand:
        yield f"{sku}: {on_hand} on hand, and {booked} by the ledger"


def _of_ledger(balances: list[Mapping[str, Any]]) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for each in balances:
        sums[each["balance"]["currency"]] += each["balance"]["amount"]
    yield from (f"the ledger is off by {amount} {currency}" for currency, amount in sums.items() if amount)


def _money_told(payment: Mapping[str, Any]) -> list[str]:
    """Return what must have been told of a payment; whether a voided one was held before, it does not show."""
    captured, refunded = ((payment.get(each) or {"amount": 0})["amount"] for each in ("captured", "refunded"))
    told = {"declined": ["declined"], "voided": ["voided"], "capture-refused": ["authorised"]}
    kinds = told.get(payment.get("state", ""), [])
    kinds = kinds + (["authorised", "captured"] if captured else []) + (["refunded"] if refunded else [])
    return [f"payments.payment-{each}" for each in kinds]


def _stock_told(reservation: Mapping[str, Any]) -> list[str]:
    """Return what must have been told of a reservation; a tombstone has no lines, and nobody is told of it."""
    lines, state = reservation.get("lines", ()), reservation.get("state")
    if not lines:
        return []
    ends = {"committed": ["committed"], "released": ["released"], "expired": ["released"]}
    returned = ["returned"] if any(line["returned"] for line in lines) else []
    return [f"inventory.stock-{each}" for each in ("reserved", *ends.get(str(state), ()), *returned)]


def _all(staff: Person, path: str, items: str = "items") -> list[Any]:
    """Return what a list has, of all its pages."""
    found: list[Any] = []
    cursor = ""
    while True:
        page = _read(staff, f"{path}{'&' if '?' in path else '?'}limit=100{cursor}")
        found += page[items]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def _read(staff: Person, path: str, *, missing: Any = None) -> Any:
    answer = staff.send("GET", path)
    if answer.status_code == 404 and missing is not None:
        return missing
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()
