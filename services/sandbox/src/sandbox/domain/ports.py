"""What the domain needs from outside; ``data`` and ``clients`` supply it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chassis.spans import Span
from sandbox.domain.operations import Operation


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that is due. ``fence`` is the number of its lease."""

    id: UUID
    operation: Operation
    attempts: int
    fence: int


class Books(Protocol):
    """The provider's operations and webhooks, within one unit of work."""

    async def lock(self, authorisation: str) -> Sequence[Operation]:
        """Return the operations of an authorisation, oldest first; it is nobody else's until the unit ends."""
        ...

    async def find(self, reference: str) -> Operation | None:
        """Return the operation with this reference, or None."""
        ...

    async def add(self, operation: Operation) -> None:
        """Write an operation down."""
        ...

    async def knock(self, reference: str) -> int:
        """Count that somebody asked under this reference; return how often that was."""
        ...

    async def report(self, operation: Operation, *, due_at: datetime) -> None:
        """Have a webhook sent from ``due_at`` on."""
        ...

    async def claim(self, *, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return webhooks that are due; they are nobody else's before ``until``."""
        ...

    async def delivered(self, delivery: Delivery, *, now: datetime) -> None:
        """Note that a webhook arrived."""
        ...

    async def postpone(self, delivery: Delivery, *, due_at: datetime | None) -> None:
        """Try a webhook again at ``due_at``, or never, unless somebody else has claimed it."""
        ...

    async def waits(self, reference: str) -> bool:
        """Tell whether a webhook of this operation is still to be sent."""
        ...

    async def purge(self, *, before: datetime) -> int:
        """Forget webhooks and knocks from before then; return how many."""
        ...

    async def list(
        self, authorisations: Span[str], *, as_of: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Operation]:
        """Return what was settled at ``as_of`` or before of these authorisations, oldest first.

        It is one more than ``limit`` if there is more.
        """
        ...


class Units(Protocol):
    """Opens units of work, which commit at the end of their block."""

    def __call__(self) -> AbstractAsyncContextManager[Books]:
        """Open one."""
        ...


class Reports(Protocol):
    """What is on its way to whoever hears of outcomes."""

    def wake(self) -> None:
        """Look at once: something was put into the queue."""
        ...

    async def waits(self, reference: str) -> bool:
        """Tell whether a webhook of this operation is still to be sent."""
        ...


class Receiver(Protocol):
    """Whom outcomes are reported to."""

    async def report(self, delivery: Delivery) -> bool:
        """Tell an outcome; return whether it was heard."""
        ...
