"""The checkout as a state machine that knows no network and no database.

::

    RESERVE ─▶ AUTHORISE ─▶ PIN ─▶ CAPTURE ─▶ COMMIT ─▶ confirmed
       └──────────┴──────────┴───────┘ refused, and before the capture has begun: cancelled, or too late
                             ▼
                     [VOID ─▶] RELEASE ─▶ rejected or cancelled

    REFUND ─▶ RESTOCK ─▶ cancelled              a confirmed order that was not shipped yet
    REFUND [─▶ RESTOCK]                         a return, a refund

A worker asks ``begin`` what to do, does it, and tells ``settle`` what came of it. Capture is the pivot: once it has
begun nobody knows whether the money has moved until it is answered, so from there on there is only forward, without a
deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from chassis.errors import ConflictError, NotFoundError
from chassis.ids import uuid7
from chassis.money import Money
from orders.domain.orders import Order, OrderStatus
from orders.domain.payment import PaymentMethod
from orders.domain.shipments import Pieces

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0


STUCK_AFTER = timedelta(minutes=2)
"""A saga that takes longer than this is one that somebody should look at."""


class SagaNotFoundError(NotFoundError):
    """There is no such saga, or it ended long ago."""

    code = "saga-not-found"
    title = "No such saga"


class SagaNotAbandonableError(ConflictError):
    """Money may have moved, or it has ended, or it is being undone already: there is only forward."""

    code = "saga-not-abandonable"
    title = "The saga cannot be given up any more"


class SagaFinishedError(ConflictError):
    """It has come to its end."""

    code = "saga-finished"
    title = "The saga has finished"


class Kind(StrEnum):
    """What a saga is for."""

    CHECKOUT = "checkout"
    REVERSAL = "reversal"
    RETURN = "return"
    REFUND = "refund"


class Step(StrEnum):
    """One call of a peer."""

    RESERVE = "reserve"
    AUTHORISE = "authorise"
    PIN = "pin"
    CAPTURE = "capture"
    COMMIT = "commit"
    VOID = "void"
    RELEASE = "release"
    REFUND = "refund"
    RESTOCK = "restock"


class Verdict(StrEnum):
    """What a saga has decided that its order becomes."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Done:
    """The peer has done it, now or the last time it was asked."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer will not do it, however often it is asked."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody knows, or not yet: ask again. ``why`` is for staff."""

    why: str
    after_seconds: float | None = None


Outcome = Done | Refused | Later

_AFTER: dict[Step, Step | None] = {
    Step.RESERVE: Step.AUTHORISE,
    Step.AUTHORISE: Step.PIN,
    Step.PIN: Step.CAPTURE,
    Step.CAPTURE: Step.COMMIT,
    Step.COMMIT: None,
    Step.VOID: Step.RELEASE,
    Step.RELEASE: None,
    Step.REFUND: Step.RESTOCK,
    Step.RESTOCK: None,
}
_MONEY = frozenset({Step.AUTHORISE, Step.CAPTURE, Step.VOID, Step.REFUND})
_MEANT: dict[Kind, Verdict] = {
    Kind.CHECKOUT: Verdict.CONFIRMED,
    Kind.REVERSAL: Verdict.CANCELLED,
    Kind.RETURN: Verdict.REFUNDED,
    Kind.REFUND: Verdict.REFUNDED,
}
_REACHED = {
    Step.RESERVE: OrderStatus.RESERVED,
    Step.AUTHORISE: OrderStatus.AUTHORISED,
    Step.PIN: OrderStatus.PINNED,
    Step.CAPTURE: OrderStatus.CAPTURED,
}
_WAYS_BACK = {
    # Refused: nothing is held, but an earlier copy of the same request may still be under way. Only a release that
    # leaves its tombstone makes sure that it finds nothing to hold.
    Step.RESERVE: Step.RELEASE,
    # A decline is final, at the provider too.
    Step.AUTHORISE: Step.RELEASE,
    Step.PIN: Step.VOID,
    Step.CAPTURE: Step.VOID,
}


class Saga:
    """What has to be done for an order, and how far that is.

    ``token`` counts the claims: what a worker brings back counts only while the token is the one it was given.
    ``amount`` is what it moves, ``lines`` are the pieces that go back; its id is then that of the refund or the return.
    ``attempts`` counts the calls of this step, those under way included, and is stored before each: 0 means that no
    such call was ever sent. ``error`` is what went wrong last. ``payment`` is kept until it is not needed any more.
    """

    def __init__(
        self,
        order_id: UUID,
        kind: Kind,
        now: datetime,
        *,
        deadline_at: datetime | None = None,
        payment: PaymentMethod | None = None,
        traceparent: str | None = None,
        saga_id: UUID | None = None,
        amount: Money | None = None,
        lines: Pieces = (),
    ) -> None:
        self.id = saga_id or uuid7()
        self.order_id = order_id
        self.kind = kind
        self.verdict = _MEANT[kind]
        self.amount = amount
        self.lines = lines
        self.step = self._needed(Step.RESERVE if kind is Kind.CHECKOUT else Step.REFUND)
        self.code: str | None = None
        self.reason: str | None = None
        self.payment = payment
        self.traceparent = traceparent
        self.attempts = 0
        self.error: str | None = None
        self.token = 0
        self.next_attempt_at = now
        self.leased_until: datetime | None = None
        self.deadline_at = deadline_at
        self.created_at = now
        self.finished_at: datetime | None = None

    @property
    def can_turn_back(self) -> bool:
        """Whether the pivot is still ahead: capture has not begun."""
        return self.step in (Step.RESERVE, Step.AUTHORISE, Step.PIN) or (
            self.step is Step.CAPTURE and self.attempts == 0
        )

    def claim(self, now: datetime, lease: timedelta) -> None:
        """Belong to one worker for a while; whoever had it before has it no longer."""
        self.token += 1
        self.leased_until = now + lease

    def begin(self, order: Order, now: datetime, lease: timedelta) -> Step | None:
        """Say which call to make now, and remember that it may have been made; None when nothing is left to do."""
        if self.can_turn_back:
            self._reconsider(order, now)
        if self.step is None:
            self._finish(order, now)
            return None
        self.attempts += 1
        self.leased_until = now + lease
        return self.step

    def settle(self, order: Order, outcome: Outcome, now: datetime, *, spread: Callable[[], float]) -> bool:
        """Take in what came of the call; True when there is something to do at once.

        Args:
            spread: A factor between 0.5 and 1 for the pause, so that many do not come back at the same moment.
        """
        step = self.step
        if step is None:
            raise ValueError(f"Saga {self.id} has finished.")
        match outcome:
            case Later(why, after_seconds):
                self._wait(why, after_seconds, now, spread())
                return False
            case Refused(code, reason) if step in _WAYS_BACK:
                self.turn_back(Verdict.REJECTED, code, reason, to=_WAYS_BACK[step])
            case Refused(code, reason):
                # What cannot be refused was: nothing sensible can be done but to ask again and to show it to staff.
                self._wait(f"refused: {code}: {reason}", LONGEST_PAUSE_SECONDS, now, 1)
                return False
            case Done():
                self._advance(order, step, now)
        if self.step is None:
            self._finish(order, now)
            return False
        return True

    def turn_back(self, verdict: Verdict, code: str, reason: str, *, to: Step | None) -> None:
        """Undo what was done, beginning at ``to``."""
        self.verdict, self.code, self.reason = verdict, code, reason
        self._go_to(to)

    def retry(self, now: datetime) -> None:
        """Be looked at now instead of after the pause.

        Raises:
            SagaFinishedError: There is nothing left to do.
        """
        if self.finished_at is not None:
            raise SagaFinishedError(saga_id=str(self.id))
        self.wake(now)

    def abandon(self, reason: str, now: datetime) -> None:
        """Give it up before the pivot; whoever is at it is believed no more.

        Raises:
            SagaNotAbandonableError: The capture may have begun, or there is nothing to give up.
        """
        if not self.can_turn_back:
            raise SagaNotAbandonableError(saga_id=str(self.id), step=self.step)
        self.turn_back(Verdict.REJECTED, "abandoned", reason, to=self._way_back())
        self.token += 1
        self.release()
        self.wake(now)

    def wake(self, now: datetime) -> None:
        """Be looked at now, unless somebody is at it."""
        self.next_attempt_at = min(self.next_attempt_at, now)

    def release(self) -> None:
        """Give the lease back."""
        self.leased_until = None

    def _reconsider(self, order: Order, now: datetime) -> None:
        """Turn back if somebody wants it, or if it has taken too long."""
        if order.cancel_requested_at is not None:
            self.turn_back(Verdict.CANCELLED, "cancelled", order.reason or "", to=self._way_back())
        elif self.deadline_at is not None and now >= self.deadline_at:
            reason = "The checkout took too long."
            self.turn_back(Verdict.REJECTED, "checkout-timed-out", reason, to=self._way_back())

    def _way_back(self) -> Step | None:
        """Where to begin undoing: at whatever may have been begun."""
        if self.step is Step.RESERVE and self.attempts == 0:
            return None
        authorisation_begun = self.step in (Step.PIN, Step.CAPTURE) or (
            self.step is Step.AUTHORISE and self.attempts > 0
        )
        return Step.VOID if authorisation_begun else Step.RELEASE

    def _advance(self, order: Order, step: Step, now: datetime) -> None:
        if step in _REACHED:
            order.reach(_REACHED[step], now)
        if step is Step.AUTHORISE:
            self.payment = None
        self._go_to(_AFTER[step])

    def _go_to(self, step: Step | None) -> None:
        self.step = self._needed(step)
        self.attempts, self.error = 0, None

    def _needed(self, step: Step | None) -> Step | None:
        """Return this step, or the first after it that has something to do: no provider moves nothing."""
        free = self.amount is not None and not self.amount.amount_minor
        while (free and step in _MONEY) or (step is Step.RESTOCK and not self.lines):
            step = _AFTER[step]
        return step

    def _wait(self, why: str, after_seconds: float | None, now: datetime, spread: float) -> None:
        self.error = why[:500]
        growing = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self.attempts - 1, 20)) * spread
        pause = timedelta(seconds=max(growing, min(after_seconds or 0, LONGEST_PAUSE_SECONDS)))
        self.next_attempt_at = now + pause
        if self.can_turn_back and self.deadline_at is not None:
            self.next_attempt_at = max(now, min(self.next_attempt_at, self.deadline_at))
        self.release()

    def _finish(self, order: Order, now: datetime) -> None:
        self.finished_at, self.payment = now, None
        self.release()
        match self.verdict, self.kind:
            case Verdict.CONFIRMED, _:
                order.confirm(now)
            case Verdict.REJECTED, _:
                order.reject(self.code or "rejected", self.reason or "", now)
            case Verdict.REFUNDED, Kind.RETURN:
                order.close_return(self.id, now)
            case Verdict.REFUNDED, _:
                order.close_refund(self.id, now)
            case _:
                order.cancel(now)
