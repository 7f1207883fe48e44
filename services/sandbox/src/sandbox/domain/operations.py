"""What is asked of the provider, and how it decides: from the operations of one authorisation alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError, UnavailableError
from chassis.ids import uuid7
from sandbox.domain.behaviours import REFUSED, Behaviour, behaviour_of


class OperationNotFoundError(NotFoundError):
    """Nobody asked for anything under this reference."""

    code = "operation-not-found"
    title = "No such operation"


class OperationPendingError(ConflictError):
    """Another operation of the same authorisation is undecided; this one cannot be decided before."""

    code = "operation-pending"
    title = "An earlier operation is still undecided"


class ReferenceReusedError(ConflictError):
    """The reference belongs to something else that was asked before."""

    code = "reference-reused"
    title = "The reference was used for another operation"


class ProviderAwayError(UnavailableError):
    """The provider cannot answer now, and has done nothing."""

    code = "provider-away"
    title = "The provider cannot answer now"


class Kind(StrEnum):
    """What can be asked."""

    AUTHORISATION = "authorisation"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class State(StrEnum):
    """What became of it. Only pending changes again."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the merchant asks, under a reference of the merchant's own.

    ``authorisation`` is the reference of the authorisation it is about; an authorisation names itself. A void has no
    amount; only an authorisation has a method and a token.
    """

    reference: str
    kind: Kind
    authorisation: str
    amount_minor: int = 0
    currency: str = "XXX"
    method: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """An instruction and its outcome, which shows from ``settled_at`` on."""

    instruction: Instruction
    outcome: State
    code: str | None
    created_at: datetime
    settled_at: datetime
    provider_reference: UUID = field(default_factory=uuid7)

    def state(self, now: datetime) -> State:
        """Return what anybody can know of it at ``now``."""
        return State.PENDING if now < self.settled_at else self.outcome


class Authorisation:
    """The operations of one authorisation, oldest first, and what may be done next."""

    def __init__(self, operations: Sequence[Operation], now: datetime) -> None:
        self._operations = operations
        self._now = now

    def decide(self, instruction: Instruction) -> str | None:
        """Return None if the provider does it, or the code of its refusal.

        Raises:
            OperationPendingError: Something earlier is undecided.
            OperationNotFoundError: There is no such authorisation. (A void needs none: it refuses the late original.)
        """
        if any(each.state(self._now) is State.PENDING for each in self._operations):
            raise OperationPendingError("Ask again in a moment.", retry_after_seconds=1)
        if instruction.kind is Kind.AUTHORISATION:
            return self._authorise(instruction)
        if instruction.kind is Kind.VOID:
            return "already-captured" if self._total(Kind.CAPTURE) else None
        if self._original is None:
            raise OperationNotFoundError("There is no such authorisation.")
        return self._capture(instruction) if instruction.kind is Kind.CAPTURE else self._refund(instruction)

    def behaviour_of(self, instruction: Instruction) -> Behaviour:
        """Return what the token makes happen that an instruction goes back to."""
        if instruction.kind is Kind.AUTHORISATION:
            return behaviour_of(instruction.method, instruction.token)
        original = self._original
        if original is None:
            return Behaviour.APPROVE
        return behaviour_of(original.instruction.method, original.instruction.token)

    @property
    def _original(self) -> Operation | None:
        return next((each for each in self._operations if each.instruction.kind is Kind.AUTHORISATION), None)

    @property
    def _voided(self) -> bool:
        return any(each.instruction.kind is Kind.VOID and each.outcome is State.APPROVED for each in self._operations)

    def _total(self, kind: Kind) -> int:
        done = (each for each in self._operations if each.instruction.kind is kind and each.outcome is State.APPROVED)
        return sum(each.instruction.amount_minor for each in done)

    def _authorise(self, instruction: Instruction) -> str | None:
        if self._voided:
            return "cancelled"
        return REFUSED.get(behaviour_of(instruction.method, instruction.token))

    def _capture(self, instruction: Instruction) -> str | None:
        original = self._original
        if original is None or original.outcome is not State.APPROVED or self._voided:
            return "not-authorised"
        if self.behaviour_of(instruction) is Behaviour.CAPTURE_REFUSED:
            return "authorisation-expired"
        if original.instruction.currency != instruction.currency:
            return "currency-differs"
        if self._total(Kind.CAPTURE):
            return "already-captured"
        return "capture-too-large" if instruction.amount_minor > original.instruction.amount_minor else None

    def _refund(self, instruction: Instruction) -> str | None:
        left = self._total(Kind.CAPTURE) - self._total(Kind.REFUND)
        return "refund-too-large" if instruction.amount_minor > left else None
