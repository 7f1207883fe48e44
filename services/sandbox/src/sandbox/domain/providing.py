"""The provider at work: each instruction is decided once, however often it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.clock import Clock
from chassis.spans import Span
from sandbox.domain.behaviours import Behaviour
from sandbox.domain.operations import (
    Authorisation,
    Instruction,
    Operation,
    OperationNotFoundError,
    ProviderAwayError,
    ReferenceReusedError,
    State,
)
from sandbox.domain.ports import Books, Units

AWAY_TIMES = 2
"""How often `…_away` finds nobody there."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long late is late, and how long a hanging answer is held."""

    late_seconds: float
    hang_seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to an instruction: after which pause, and whether not before the webhook."""

    operation: Operation
    pause_seconds: float = 0
    webhook_first: bool = False


class Provider:
    """Decides what merchants ask."""

    def __init__(self, units: Units, clock: Clock, pauses: Pauses) -> None:
        self._units = units
        self._clock = clock
        self._pauses = pauses

    async def take(self, instruction: Instruction) -> Answer:
        """Carry an instruction out, or return what came of it the first time.

        Raises:
            ReferenceReusedError: Another instruction has this reference.
            OperationPendingError: Something earlier of the same authorisation is undecided.
            OperationNotFoundError: There is no such authorisation.
            ProviderAwayError: By the token's wish; nothing happened.
        """
        now = self._clock.now()
        async with self._units() as books:
            authorisation = Authorisation(await books.lock(instruction.authorisation), now)
            known = await books.find(instruction.reference)
            if known is None:
                known = await self._carry_out(books, authorisation, instruction, now)
        if known is None:
            raise ProviderAwayError(retry_after_seconds=1)
        if known.instruction != instruction:
            raise ReferenceReusedError
        return self._answer(known, authorisation.behaviour_of(instruction), now)

    async def _carry_out(
        self, books: Books, authorisation: Authorisation, instruction: Instruction, now: datetime
    ) -> Operation | None:
        """Return the new operation, or None if nobody was there."""
        behaviour = authorisation.behaviour_of(instruction)
        refused = authorisation.decide(instruction)
        if behaviour is Behaviour.AWAY and await books.knock(instruction.reference) <= AWAY_TIMES:
            return None
        late = timedelta(seconds=self._pauses.late_seconds)
        settled_at = now + late if behaviour is Behaviour.ANSWER_LATE else now
        outcome = State.APPROVED if refused is None else State.REFUSED
        operation = Operation(instruction, outcome, refused, created_at=now, settled_at=settled_at)
        await books.add(operation)
        due_at = now + late if behaviour is Behaviour.HANG else settled_at
        for _ in range(2 if behaviour is Behaviour.ANSWER_TWICE else 1):
            await books.report(operation, due_at=due_at)
        return operation

    def _answer(self, operation: Operation, behaviour: Behaviour, now: datetime) -> Answer:
        if behaviour is Behaviour.HANG:
            return Answer(operation, self._pauses.hang_seconds)
        left = (operation.settled_at - now).total_seconds()
        return Answer(operation, max(0, left), webhook_first=behaviour is Behaviour.WEBHOOK_FIRST)

    async def get(self, reference: str) -> Operation:
        """Return what is known under a reference.

        Raises:
            OperationNotFoundError: Nobody asked for anything under it.
        """
        async with self._units() as books:
            found = await books.find(reference)
        if found is None:
            raise OperationNotFoundError(reference=reference)
        return found

    async def list(
        self, authorisations: Span[str], *, as_of: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Operation]:
        """Return what was settled at an instant or before; see ``Books.list``."""
        async with self._units() as books:
            return await books.list(authorisations, as_of=as_of, after=after, limit=limit)
