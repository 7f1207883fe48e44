"""What sagas are doing, in numbers: each replica reads them for itself, from an index of what has not finished."""

import asyncio

from prometheus_client import Counter, Gauge, Histogram

from chassis import logs
from chassis.errors import UnavailableError
from orders.domain.ports import SagaDirectory
from orders.domain.services import Ending

_EVERY_SECONDS = 15

_running = Gauge("tradewind_orders_sagas_running", "Sagas that have not finished.", multiprocess_mode="livemax")
_stuck = Gauge(
    "tradewind_orders_sagas_stuck", "Sagas that have been at it for over two minutes.", multiprocess_mode="livemax"
)
_oldest = Gauge(
    "tradewind_orders_saga_oldest_age_seconds",
    "Age of the oldest saga that has not finished, 0 if there is none.",
    multiprocess_mode="livemax",
)
_finished = Counter("tradewind_orders_sagas_finished_total", "Sagas that ended, by how.", ("kind", "verdict"))
_compensated = Counter("tradewind_orders_sagas_compensated_total", "Checkouts that were turned back.")
_durations = Histogram(
    "tradewind_orders_saga_duration_seconds",
    "Time from a saga's beginning to its end.",
    ("kind",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
)
attempts = Histogram(
    "tradewind_orders_saga_attempts", "Calls that a step took.", ("step",), buckets=(1, 2, 3, 5, 8, 13, 21)
)


def count_ending(ending: Ending) -> None:
    """Count a saga that has ended."""
    _finished.labels(ending.kind, ending.verdict).inc()
    _durations.labels(ending.kind).observe(ending.seconds)
    if ending.kind == "checkout" and ending.verdict != "confirmed":
        _compensated.inc()


class SagaMetrics:
    """Keeps the gauges current until it is cancelled."""

    def __init__(self, sagas: SagaDirectory) -> None:
        self._sagas = sagas
        self._log = logs.get("sagas")

    async def run(self) -> None:
        """Read every so often."""
        while True:
            try:
                await self.read()
            except UnavailableError as error:
                self._log.warning("sagas cannot be counted", error=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def read(self) -> None:
        """Read once."""
        found = await self._sagas.open_ones()
        _running.set(found.running)
        _stuck.set(found.stuck)
        _oldest.set(found.oldest_seconds)
