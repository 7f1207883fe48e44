"""Asking inventory, whose every answer is the same however often an (order, step) is asked."""

from uuid import UUID

from chassis.clients import ServiceClient
from orders.clients.answers import Steps
from orders.domain.ports import Lines
from orders.domain.sagas import Outcome

_GONE = "reservation-expired"


class HttpInventory:
    """The ``Inventory`` behind a peer's address."""

    def __init__(self, client: ServiceClient, *, expires_in_seconds: int) -> None:
        self._steps = Steps(client)
        self._expires_in = expires_in_seconds

    async def reserve(self, order_id: UUID, lines: Lines) -> Outcome:
        """Hold all of it, or nothing; see the port."""
        return await self._steps.put(
            _path(order_id),
            {"lines": _lines(lines), "expires_in_seconds": self._expires_in},
            good=frozenset({"held", "pinned", "committed"}),
            bad={"expired": _GONE, "released": _GONE},
            refusals={"insufficient-stock": "insufficient-stock", "reservation-released": _GONE},
        )

    async def pin(self, order_id: UUID) -> Outcome:
        """Have the reservation never expire; see the port."""
        return await self._steps.put(
            f"{_path(order_id)}/pin", refusals={"reservation-released": _GONE, "reservation-not-found": _GONE}
        )

    async def commit(self, order_id: UUID) -> Outcome:
        """Take it out of the stock; see the port."""
        return await self._steps.put(f"{_path(order_id)}/commitment")

    async def release(self, order_id: UUID) -> Outcome:
        """Hold nothing; see the port."""
        return await self._steps.put(f"{_path(order_id)}/release")

    async def take_back(self, order_id: UUID, return_id: UUID, lines: Lines) -> Outcome:
        """Put committed pieces back; see the port."""
        return await self._steps.put(f"{_path(order_id)}/returns/{return_id}", {"lines": _lines(lines)})


def _path(order_id: UUID) -> str:
    return f"/v1/reservations/{order_id}"


def _lines(lines: Lines) -> list[dict[str, object]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
