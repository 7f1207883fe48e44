"""One thing that is asked of the provider, once for ever, however often it has to be asked."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from chassis.card_numbers import holds_card_number
from chassis.ids import uuid7
from chassis.money import Money
from payments.domain.methods import Method

LEASE = timedelta(seconds=10)
"""For how long whoever asks the provider is the only one to do so: longer than the provider is waited for."""

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_REFERENCE = re.compile(r"[\x21-\x7e]{1,128}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class StepKind(StrEnum):
    """What can be asked."""

    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class StepState(StrEnum):
    """What is known of it. Only pending changes again."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"
    """It does not matter any more: the authorisation was voided before anybody knew its outcome."""


class Verdict(StrEnum):
    """What a provider says."""

    APPROVED = "approved"
    REFUSED = "refused"
    UNDECIDED = "undecided"


def as_code(reason: str | None) -> str | None:
    """Return why a provider refused, as it may be kept: a short name, or ``unspecified``.

    Whatever is no name is text that somebody wrote, and can hold anything, a card's number too.
    """
    if reason is None or (_CODE.fullmatch(reason) and not holds_card_number(reason)):
        return reason
    return "unspecified"


def as_reference(name: str) -> str | None:
    """Return what the provider calls something, as it may be kept; None for what is no name, or like a card's number.

    It is for people only. All that is asked is asked by our own reference.
    """
    return name if _REFERENCE.fullmatch(name) and not holds_card_number(name) else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A provider's answer about one reference; ``code`` says why it refused."""

    verdict: Verdict
    code: str | None = None
    provider_reference: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A step that somebody has the lease of: all that it takes to ask the provider outside of a transaction."""

    step_id: UUID
    order_id: UUID
    provider: str
    kind: StepKind
    reference: str
    authorisation: str
    amount: Money
    method: Method
    attempt: int
    fence: int


class Step:
    """A step of an order's payment. ``name`` is unique within the order, for ever.

    ``reference`` follows from order and name, so that even a step that was forgotten here would be known there; once a
    refusal was answered with another try, from the number of attempts too.
    """

    def __init__(self, order_id: UUID, name: str, kind: StepKind, amount: Money, now: datetime) -> None:
        self.id = uuid7()
        self.order_id = order_id
        self.name = name
        self.kind = kind
        self.reference = f"{order_id}-{name}"
        self.amount_minor = amount.amount_minor
        self.currency = amount.currency
        self.state = StepState.PENDING
        self.code: str | None = None
        self.provider_reference: str | None = None
        self.attempts = 0
        self.fence = 0
        self.begun_at = now
        self.settled_at: datetime | None = None
        self.due_at: datetime | None = now
        """When the provider is asked next; until then a lease, or a pause. None once it is settled."""

    @property
    def amount(self) -> Money:
        """What is asked for."""
        return Money(self.amount_minor, self.currency)

    @property
    def pending(self) -> bool:
        """Whether its outcome is unknown."""
        return self.state is StepState.PENDING

    def claim(self, now: datetime) -> None:
        """Take the lease; whoever had it before cannot postpone the step any more."""
        self.attempts += 1
        self.fence += 1
        self.due_at = now + LEASE

    def settle(self, outcome: Outcome, now: datetime) -> None:
        """Write an outcome down; the caller has seen that there was none."""
        self.state = StepState.DONE if outcome.verdict is Verdict.APPROVED else StepState.REFUSED
        self.code, self.provider_reference = outcome.code, outcome.provider_reference
        self.settled_at, self.due_at = now, None

    def reopen(self, now: datetime) -> None:
        """Ask once more what was refused, under another reference: under this one the answer is always the same."""
        self.state = StepState.PENDING
        self.reference = f"{self.order_id}-{self.name}-{self.attempts + 1}"
        self.settled_at, self.due_at = None, now

    def drop(self, now: datetime) -> None:
        """Stop asking."""
        self.state = StepState.DROPPED
        self.settled_at, self.due_at = now, None


def pause_seconds(attempts: int) -> float:
    """Return how long to leave the provider alone after so many attempts without an outcome."""
    return float(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 10)))
