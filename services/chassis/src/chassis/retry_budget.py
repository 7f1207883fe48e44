"""A budget for repeating calls, so that retries cannot turn a peer's trouble into a storm."""

import time
from collections.abc import Callable


class RetryBudget:
    """Allows one retry per ten calls, and some in advance.

    A bucket of ``reserve`` tokens, full at first: each call adds ``ratio``, each retry takes one. ``per_second``
    trickles in besides, so that a client that calls rarely has a retry again after a while.

    Args:
        ratio: Retries earned by one call.
        reserve: The most that can be saved up.
        per_second: Retries earned by waiting.
        monotonic: Tells the seconds that passed; tests give their own.
    """

    def __init__(
        self,
        *,
        ratio: float = 0.1,
        reserve: float = 10,
        per_second: float = 0.1,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._per_second = per_second
        self._monotonic = monotonic
        self._tokens = float(reserve)
        self._at = monotonic()

    def earn(self) -> None:
        """Count a first attempt."""
        self._add(self._ratio)

    def spend(self) -> bool:
        """Take the price of a retry; False means that there is none to be had."""
        self._add(0)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _add(self, tokens: float) -> None:
        now = self._monotonic()
        tokens += (now - self._at) * self._per_second
        self._at = now
        self._tokens = min(self._reserve, self._tokens + tokens)
