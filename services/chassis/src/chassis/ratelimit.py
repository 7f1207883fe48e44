"""Rate limits: so many requests a second on average, and a burst at once; exact about when the next one is welcome.

The algorithm is GCRA (ITU-T I.371, "virtual scheduling"): per key one instant, the *theoretical arrival time* at which
all that was taken has been earned back. Taking one unit moves it on by ``1 / rate``; it may lie ``burst / rate`` ahead.
Time counts in whole microseconds and divisions round to the strict side, so that every ``RateLimiter`` decides alike.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

_MICROSECONDS = 1_000_000
_LONGEST = 31 * 24 * 3600 * _MICROSECONDS
"""Lua's numbers are exact up to 2**53; an instant in microseconds and a month on top of it stay below."""


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` units a second on average, up to 10 000; ``burst`` of them at once, at least 1.

    ``interval`` and ``tolerance`` are what that means in microseconds: one unit earned back, and all of them.
    """

    rate: float
    burst: int
    interval: int = field(init=False, repr=False)
    tolerance: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 10_000 or self.burst < 1:  # noqa: PLR2004 - a microsecond is one percent of that
            raise ValueError(f"{self} is no limit: 0 < rate <= 10000 and burst >= 1.")
        object.__setattr__(self, "interval", ceil(_MICROSECONDS / self.rate))
        object.__setattr__(self, "tolerance", self.interval * self.burst)
        if self.tolerance > _LONGEST:
            raise ValueError(f"{self} takes more than a month to recover.")

    @classmethod
    def per_minute(cls, count: int, *, burst: int | None = None) -> "Limit":
        """Allow ``count`` a minute; all of them at once unless ``burst`` says less."""
        return cls(count / 60, burst or count)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may pass, and where its key stands now.

    ``remaining`` is what could be taken at once, ``reset_seconds`` the time until all of the burst could be. When
    refused, ``retry_after_seconds`` is exactly when the same request would pass if nothing else were taken; else 0.
    """

    allowed: bool
    remaining: int
    reset_seconds: float
    retry_after_seconds: float


class RateLimiter(Protocol):
    """Counts what was taken under each key."""

    async def take(self, key: str, limit: Limit, cost: int = 1) -> Decision:
        """Take ``cost`` units if they are there; take nothing if they are not.

        Args:
            key: Whose limit it is; the same key always comes with the same limit.
            limit: The limit.
            cost: From 0, which only looks, to ``limit.burst``.

        Raises:
            ValueError: The cost could never be paid.
            UnavailableError: The limiter cannot be asked, and does not allow what it cannot count.
        """
        ...


def checked(cost: int, limit: Limit) -> int:
    """Return ``cost`` if the limit could ever allow it, else raise ``ValueError``."""
    if not 0 <= cost <= limit.burst:
        raise ValueError(f"A cost of {cost} can never be paid: a burst has {limit.burst}.")
    return cost


def decide(limit: Limit, *, ahead: int, wait: int) -> Decision:
    """Express GCRA's result.

    Args:
        limit: The limit.
        ahead: Microseconds from now to the theoretical arrival time.
        wait: Microseconds until the request may come, not positive where it may now.
    """
    return Decision(
        allowed=wait <= 0,
        remaining=(limit.tolerance - ahead) // limit.interval,
        reset_seconds=ahead / _MICROSECONDS,
        retry_after_seconds=max(0, wait) / _MICROSECONDS,
    )


class MemoryLimiter:
    """Counts in this process: for one machine, for tests, and where every replica may have its own limit.

    Args:
        monotonic: Tells the microseconds that passed; tests give their own.
        max_keys: Keys it remembers at most. Those that have recovered are forgotten; under a flood of keys those that
            were used longest ago go too, which is lenient with them.
    """

    def __init__(self, *, monotonic: Callable[[], int] | None = None, max_keys: int = 65_536) -> None:
        self._monotonic = monotonic or _microseconds
        self._max_keys = max_keys
        self._arrivals: dict[str, int] = {}
        self._sweep_at = min(1024, max_keys)

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._arrivals)

    async def take(self, key: str, limit: Limit, cost: int = 1) -> Decision:
        """Take ``cost`` units; see ``RateLimiter``."""
        now = self._monotonic()
        # Taken out and put back, so that the oldest use is always first.
        arrival = min(max(self._arrivals.pop(key, now), now), now + limit.tolerance)
        taken = arrival + checked(cost, limit) * limit.interval
        wait = taken - limit.tolerance - now
        if wait <= 0:
            arrival = taken
        if arrival > now:
            self._arrivals[key] = arrival
            if len(self._arrivals) > self._sweep_at:
                self._sweep(now)
        return decide(limit, ahead=arrival - now, wait=wait)

    def _sweep(self, now: int) -> None:
        """Forget what has recovered; if that is not enough, the longest unused quarter too."""
        kept = [(key, arrival) for key, arrival in self._arrivals.items() if arrival > now]
        if len(kept) > self._max_keys * 3 // 4:
            kept = kept[-(self._max_keys * 3 // 4) :]
        self._arrivals = dict(kept)
        self._sweep_at = min(self._max_keys, max(1024, 2 * len(kept)))


def _microseconds() -> int:
    return time.monotonic_ns() // 1000
