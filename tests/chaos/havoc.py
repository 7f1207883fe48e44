"""Death at random: processes of a running system are killed, and its runner starts them again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

import psutil

from tests.chaos.up import LEASE_SECONDS, SECOND
from tradewind.testing import RunningSystem, is_alive

ORDERS = ("orders", SECOND)
VICTIMS = (*ORDERS, "inventory", "payments", "sandbox", "nats", "postgres", "witness")
_LONGEST_PAUSE_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.1
_KILLS_PER_FAINT = 4
_FREEZE_SECONDS = 0.5
_STANDSTILL_SECONDS = 1.5
_LOOKS = 50


class Havoc:
    """Kills (-9) one process after the other, in step with the orders, and lets one of orders' replicas faint at times.

    A replica faints while the answers of its peers are on their way into the database, and comes round when its leases
    are over and the other replica is at its sagas: what it then brings must not count.

    Args:
        kills: How many.
        progress: Tells which share of the orders is made.
        told: Is told of each kill and faint.
    """

    def __init__(
        self,
        system: RunningSystem,
        *,
        kills: int,
        seed: int,
        progress: Callable[[], float],
        told: Callable[[str], None],
    ) -> None:
        self._system = system
        self._wanted = kills
        self._random = Random(f"havoc {seed}")
        self._progress = progress
        self._told = told
        self._stopped = threading.Event()
        self.kills = 0

    def run(self) -> None:
        """Go on killing; returns when that is over."""
        bag: list[str] = []
        while self.kills < self._wanted and not self._rest():
            if not bag:
                bag = self._random.sample(VICTIMS, len(VICTIMS))
            part = bag.pop()
            while not (died := self._kill(part)) and not self._stopped.wait(_LOOK_AGAIN_SECONDS):
                """It is just being started again."""
            self.kills += died
            if died and self.kills % _KILLS_PER_FAINT == _KILLS_PER_FAINT - 1:
                self._faint(self._random.choice(ORDERS))

    def stop(self) -> None:
        """Kill nobody any more."""
        self._stopped.set()

    def _rest(self) -> bool:
        """Wait for orders to be made, though not for long; tell whether all of this is over."""
        for _ in range(_LOOKS):
            if self._progress() >= self.kills / self._wanted:
                break
            if self._stopped.wait(_LOOK_AGAIN_SECONDS):
                return True
        return self._stopped.wait(self._random.uniform(0, _LONGEST_PAUSE_SECONDS))

    def _kill(self, part: str) -> bool:
        pid = self._pid(part)
        if pid is None:
            return False
        try:
            if part == "nats":
                # Its death is to find events under way, which come at a leisurely pace.
                os.kill(pid, signal.SIGSTOP)
                self._stopped.wait(_STANDSTILL_SECONDS)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self._told(f"-9 {part}")
        return True

    def _faint(self, part: str) -> None:
        pid = self._pid(part)
        if pid is None:
            return
        self._told(f"{part} faints")
        with _stopped(*self._sessions()):
            self._stopped.wait(_FREEZE_SECONDS)
            fainted = _stopped(pid)
            fainted.__enter__()
        try:
            self._stopped.wait(LEASE_SECONDS + self._random.uniform(0, 1))
        finally:
            fainted.__exit__(None, None, None)

    def _sessions(self) -> list[int]:
        """Return the database's processes that serve orders."""
        server = self._pid("postgres")
        with suppress(psutil.NoSuchProcess):
            below = psutil.Process(server).children(recursive=True) if server else []
            return [each.pid for each in below if " ".join(each.cmdline()).startswith("postgres: orders ")]
        return []

    def _pid(self, part: str) -> int | None:
        process = self._system.parts()[part].get("process")
        if not process or not is_alive(pid := int(process["pid"])):
            return None
        return pid


@contextmanager
def _stopped(*pids: int) -> Iterator[None]:
    """Have processes stand still within the block."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
