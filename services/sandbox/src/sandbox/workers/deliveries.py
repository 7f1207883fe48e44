"""Sends webhooks until they arrive; any number of replicas may do it at once."""

import asyncio
from datetime import timedelta

from chassis import context, logs
from chassis.clock import Clock
from chassis.errors import UnavailableError
from sandbox.domain.ports import Delivery, Receiver, Units

PURGE_SECONDS = 3600
_LOOK_SECONDS = 0.25
_LEASE = timedelta(seconds=15)
_AT_ONCE = 10
_MOST_ATTEMPTS = 40
_LONGEST_PAUSE_SECONDS = 60
_KEPT = timedelta(days=7)

_log = logs.get("deliveries")


class Deliveries:
    """The queue of webhooks."""

    def __init__(self, units: Units, receiver: Receiver, clock: Clock) -> None:
        self._units = units
        self._receiver = receiver
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was put into the queue."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self._woken.clear()
            try:
                busy = await self.turn()
            except UnavailableError as error:
                _log.warning("deliveries wait", error=str(error))
                busy = False
            if not busy:
                await self._sleep()

    async def turn(self) -> bool:
        """Send some of what is due; tell whether there was any."""
        now = self._clock.now()
        async with self._units() as books:
            claimed = await books.claim(now=now, until=now + _LEASE, limit=_AT_ONCE)
        await asyncio.gather(*(self._deliver(each) for each in claimed))
        return bool(claimed)

    async def waits(self, reference: str) -> bool:
        """Tell whether a webhook of this operation is still to be sent."""
        async with self._units() as books:
            return await books.waits(reference)

    async def purge(self) -> int:
        """Forget what is older than a week."""
        async with self._units() as books:
            return await books.purge(before=self._clock.now() - _KEPT)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _deliver(self, delivery: Delivery) -> None:
        with context.working(context.WorkContext()):
            heard = await self._receiver.report(delivery)
        now = self._clock.now()
        async with self._units() as books:
            if heard:
                await books.delivered(delivery, now=now)
            elif delivery.attempts >= _MOST_ATTEMPTS:
                _log.warning("delivery given up", reference=delivery.operation.instruction.reference)
                await books.postpone(delivery, due_at=None)
            else:
                pause = min(_LONGEST_PAUSE_SECONDS, 2.0 ** (delivery.attempts - 1))
                await books.postpone(delivery, due_at=now + timedelta(seconds=pause))
