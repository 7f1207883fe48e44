"""Settles what is pending: asks the provider again about every step whose lease or pause has ended."""

import asyncio

from prometheus_client import Counter

from chassis import context, logs
from chassis.errors import ServiceError, UnavailableError
from payments.domain.services import Resolver
from payments.domain.steps import Task

_AT_ONCE = 10
_LOOK_SECONDS = 0.5

asks = Counter(
    "tradewind_payments_provider_asks_total",
    "Times that the provider was asked, and what it said.",
    ("step", "verdict"),
)

_log = logs.get("resolving")


def observe(task: Task, verdict: str) -> None:
    """Count one time that the provider was asked."""
    asks.labels(task.kind, verdict).inc()


class Resolving:
    """The loop. Any number of replicas may run it: leases keep them apart."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def run(self) -> None:
        """Resolve what is due, until cancelled."""
        while True:
            try:
                busy = await self.turn()
            except UnavailableError as error:
                _log.warning("resolving waits", error=str(error))
                busy = False
            if not busy:
                await asyncio.sleep(_LOOK_SECONDS)

    async def turn(self) -> bool:
        """Resolve some of what is due; tell whether there was any."""
        tasks = await self._resolver.turn(_AT_ONCE)
        await asyncio.gather(*(self._resolve(each) for each in tasks))
        return bool(tasks)

    async def _resolve(self, task: Task) -> None:
        with context.working(context.WorkContext()):
            try:
                await self._resolver.resolve(task)
            except ServiceError as error:
                # The lease ends by itself; the others of this turn must not wait for that.
                _log.warning("step stays pending", order_id=str(task.order_id), step=task.kind, error=str(error))
