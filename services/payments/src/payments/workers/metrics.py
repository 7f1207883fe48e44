"""What waits for the provider, in numbers: each replica reads them for itself, from an index of what is pending."""

import asyncio

from prometheus_client import Gauge

from chassis import logs
from chassis.clock import Clock
from chassis.errors import UnavailableError
from payments.domain.ports import PaymentDirectory
from payments.domain.steps import StepKind

_EVERY_SECONDS = 15

_pending = Gauge(
    "tradewind_payments_steps_pending",
    "Steps whose outcome the provider has not told yet.",
    ("step",),
    multiprocess_mode="livemax",
)
_oldest = Gauge(
    "tradewind_payments_step_oldest_age_seconds",
    "Age of the oldest step that has no outcome yet, 0 if there is none.",
    ("step",),
    multiprocess_mode="livemax",
)

_log = logs.get("resolving")


class PendingMetrics:
    """Keeps the gauges current until it is cancelled."""

    def __init__(self, directory: PaymentDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    async def run(self) -> None:
        """Read every so often."""
        while True:
            try:
                await self.read()
            except UnavailableError as error:
                _log.warning("pending steps cannot be counted", error=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def read(self) -> None:
        """Read once."""
        found = {each.kind: each for each in await self._directory.pending(self._clock.now())}
        for kind in StepKind:
            known = found.get(kind)
            _pending.labels(kind).set(known.steps if known else 0)
            _oldest.labels(kind).set(known.oldest_seconds if known else 0)
