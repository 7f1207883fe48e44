"""A circuit breaker: a peer that does not answer is left alone for a while, and its callers are told at once.

Knows no HTTP library. One block is one call, and the way it ends is the verdict::

    with breaker.call() as call:                # raises BreakerOpenError at once while the peer is left alone
        answer = await ask()
        if answer.status in (502, 503, 504):
            call.failed()                       # ended without an exception, and still a failure

closed ── too many failures ──▶ open ── after ``open_seconds``, one probe ──▶ half-open ── success ──▶ closed
                                  ▲─────────────────── failure ────────────────────┘
"""

import time
from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Self

from prometheus_client import Gauge

from chassis import logs
from chassis.errors import UnavailableError

_state_metric = Gauge(
    "tradewind_breaker_state",
    "Whether calls to a peer go out: 0 closed (they do), 1 half-open (one does, as a probe), 2 open (none does).",
    ("peer",),
    multiprocess_mode="livemax",
)
_log = logs.get("breaker")


class BreakerOpenError(UnavailableError):
    """The peer failed too often lately; the call was not made."""


class BreakerState(Enum):
    """What happens to a call now; the value is the metric's."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Decides whether a peer is asked at all. One per peer and process; not for use from several threads.

    Opens after ``failures`` in a row, or when of at least ``volume`` calls within about ``window_seconds`` the share
    ``rate`` failed. An exception that leaves the block is a failure, except cancellation, which says nothing.

    Args:
        peer: Names the peer in the metric, the log and the error.
        failures: This many failures in a row open it.
        rate: This share of failures opens it, between 0 and 1.
        volume: Fewer calls than this are too few to speak of a share.
        window_seconds: How far back the share looks: between one and two of these.
        open_seconds: How long the peer is left alone before a probe, and between two probes.
        monotonic: Tells the seconds that passed; tests give their own.
    """

    def __init__(
        self,
        peer: str,
        *,
        failures: int = 5,
        rate: float = 0.5,
        volume: int = 20,
        window_seconds: float = 10,
        open_seconds: float = 5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.peer = peer
        self._limit = failures
        self._open_seconds = open_seconds
        self._monotonic = monotonic
        self._share = _Share(rate, volume, window_seconds)
        self._in_a_row = 0
        self._probe_at = 0.0
        self._period = 0
        self._metric = _state_metric.labels(peer)
        self._state = BreakerState.CLOSED
        self._metric.set(BreakerState.CLOSED.value)

    @property
    def state(self) -> BreakerState:
        """Whether calls go out, as of the last one."""
        return self._state

    def call(self) -> "Call":
        """Let one call pass; use it as ``with breaker.call() as call``.

        Raises:
            BreakerOpenError: The peer is being left alone; ``retry_after_seconds`` says for how long.
        """
        if self._state is not BreakerState.CLOSED:
            self._probe_or_refuse()
        return Call(self, self._period)

    def _probe_or_refuse(self) -> None:
        """Let one call pass every ``open_seconds``: a probe that hangs or gets lost cannot keep the breaker open."""
        now = self._monotonic()
        if now < self._probe_at:
            left = self._probe_at - now
            raise BreakerOpenError(f"{self.peer} does not answer; it is left alone for now.", retry_after_seconds=left)
        self._probe_at = now + self._open_seconds
        if self._state is BreakerState.OPEN:
            self._move(BreakerState.HALF_OPEN)

    def _succeeded(self) -> None:
        if self._state is BreakerState.HALF_OPEN:
            self._move(BreakerState.CLOSED)
            _log.info("breaker closed", peer=self.peer)
        self._in_a_row = 0
        self._share.count(self._monotonic(), failed=False)

    def _failed(self) -> None:
        now = self._monotonic()
        self._in_a_row += 1
        self._share.count(now, failed=True)
        probing = self._state is BreakerState.HALF_OPEN
        if probing or self._in_a_row >= self._limit or self._share.is_reached():
            self._probe_at = now + self._open_seconds
            self._move(BreakerState.OPEN)
            if not probing:
                _log.warning("breaker opened", peer=self.peer)

    def _undecided(self) -> None:
        if self._state is BreakerState.HALF_OPEN:
            self._probe_at = self._monotonic()

    def _move(self, state: BreakerState) -> None:
        self._state = state
        self._period += 1
        self._in_a_row = 0
        self._share.forget()
        self._metric.set(state.value)


class Call:
    """One call that the breaker let pass. It has one verdict: the first that was given, else how its block ended."""

    __slots__ = ("_breaker", "_done", "_period")

    def __init__(self, breaker: Breaker, period: int) -> None:
        self._breaker = breaker
        self._period = period
        self._done = False

    def succeeded(self) -> None:
        """Say that the peer is well, before the block ends (a long download, an exception that is not its fault)."""
        if self._decide():
            self._breaker._succeeded()  # noqa: SLF001 - the two classes are one idea

    def failed(self) -> None:
        """Say that the peer failed, though nothing was raised."""
        if self._decide():
            self._breaker._failed()  # noqa: SLF001 - the two classes are one idea

    def undecided(self) -> None:
        """Say that this tells nothing about the peer: the caller gave up early, or nothing was sent."""
        if self._decide():
            self._breaker._undecided()  # noqa: SLF001 - the two classes are one idea

    def _decide(self) -> bool:
        """Take the verdict, once, and only while the breaker is in the state in which the call began.

        A call from before the peer was left alone would otherwise speak for the peer of now.
        """
        first, self._done = not self._done, True
        return first and self._period == self._breaker._period  # noqa: SLF001 - the two classes are one idea

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.succeeded()
        elif issubclass(kind, Exception):
            self.failed()
        else:
            self.undecided()


class _Share:
    """The share of failures in the current and the last window: two pairs of counters instead of a list of times."""

    __slots__ = ("_before", "_now", "_rate", "_until", "_volume", "_window")

    def __init__(self, rate: float, volume: int, window_seconds: float) -> None:
        self._rate = rate
        self._volume = volume
        self._window = window_seconds
        self.forget()

    def forget(self) -> None:
        self._now = [0, 0]
        self._before = [0, 0]
        self._until = 0.0

    def count(self, now: float, *, failed: bool) -> None:
        if now >= self._until:
            self._before = self._now if now < self._until + self._window else [0, 0]
            self._now = [0, 0]
            self._until = now + self._window
        self._now[failed] += 1

    def is_reached(self) -> bool:
        good, bad = self._now[0] + self._before[0], self._now[1] + self._before[1]
        return good + bad >= self._volume and bad >= self._rate * (good + bad)
