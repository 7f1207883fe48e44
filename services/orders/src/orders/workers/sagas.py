"""Works on sagas, in any replica: claim one, commit, make one call, store what came of it; and on to its next step.

A process may die between any two lines: the lease ends, and another worker makes the same call again, which its peer
answers as it did the first time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import context, logs
from chassis.database import Database
from chassis.errors import UnavailableError
from orders.domain.ports import Inventory, Payments, UnitOfWork
from orders.domain.progress import Progress
from orders.domain.sagas import Later, Outcome, Step
from orders.domain.services import SagaService, Task, Turn
from orders.workers.metrics import attempts, count_ending

_steps = Counter(
    "tradewind_orders_saga_steps_total", "Calls that sagas made, by what came of them.", ("step", "outcome")
)
_fenced = Counter(
    "tradewind_orders_saga_fenced_total", "Results that came too late: somebody else had the saga by then."
)

_STORE_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker works.

    Args:
        lease_seconds: How long after a worker's death another takes over; longer than a call takes.
        call_seconds: For one step's call, its repetitions included.
        poll_seconds: How often it looks for work that nobody told it of.
        concurrency: How many sagas it works on at once.
    """

    lease_seconds: float = 30
    call_seconds: float = 10
    poll_seconds: float = 1
    concurrency: int = 8


class SagaWorker:
    """Works until it is cancelled.

    Args:
        units: Makes the unit of work of a session.
    """

    def __init__(
        self,
        database: Database,
        units: Callable[[AsyncSession], UnitOfWork],
        inventory: Inventory,
        payments: Payments,
        progress: Progress,
        pace: Pace,
    ) -> None:
        self._database = database
        self._units = units
        self._inventory = inventory
        self._payments = payments
        self._progress = progress
        self._pace = pace
        self._log = logs.get("sagas")

    async def run(self) -> None:
        """Claim what is due, as much at once as the pace allows."""
        free = asyncio.Semaphore(self._pace.concurrency)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                turn = await self._claim()
                if turn is None:
                    free.release()
                    await self._progress.work(self._pace.poll_seconds)
                    continue
                driving = group.create_task(self._drive(turn), name=f"saga-{turn.order_id}")
                driving.add_done_callback(lambda _: free.release())

    async def work_once(self) -> bool:
        """Claim one saga and take it as far as it goes; False if none was due."""
        turn = await self._claim()
        if turn is None:
            return False
        await self._drive(turn)
        return True

    async def _claim(self) -> Turn | None:
        try:
            async with self._sagas() as sagas:
                return await sagas.claim()
        except UnavailableError as error:
            self._log.warning("no sagas can be claimed", error=str(error))
            return None

    async def _drive(self, turn: Turn) -> None:
        """Make one call after the other until there is nothing to do at once; what fails is taken up again later."""
        try:
            while (task := turn.task) is not None:
                outcome = await self._attempt(task)
                settled = await self._settle(task, outcome)
                if settled is None:
                    return
                turn = settled
                self._progress.changed(turn.order_id, ended=turn.ending is not None)
                if turn.task is not None or turn.ending is not None:
                    attempts.labels(task.step).observe(task.attempts)
            if turn.ending is not None:
                count_ending(turn.ending)
            if turn.pause_seconds is not None:
                asyncio.get_running_loop().call_later(turn.pause_seconds, self._progress.wake)
        except Exception:  # noqa: BLE001 - the lease ends, and somebody tries again
            self._log.exception("saga left alone", order_id=str(turn.order_id))

    async def _attempt(self, task: Task) -> Outcome:
        """Make the call; stopped in the middle of it, let another worker go on at once."""
        work = context.continue_trace(task.traceparent)
        try:
            with context.working(work), context.deadline_in(self._pace.call_seconds):
                outcome = await self._call(task)
                self._log.info("step", order_id=str(task.order_id), step=task.step, outcome=_name(outcome))
        except asyncio.CancelledError:
            await self._give_back(task)
            raise
        except Exception as error:  # noqa: BLE001 - nothing may keep a saga from going on
            self._log.exception("step failed", order_id=str(task.order_id), step=task.step)
            outcome = Later(repr(error))
        _steps.labels(task.step, _name(outcome)).inc()
        return outcome

    async def _call(self, task: Task) -> Outcome:
        order_id, undo_id = task.order_id, task.saga_id
        calls: dict[Step, Callable[[], Awaitable[Outcome]]] = {
            Step.RESERVE: lambda: self._inventory.reserve(order_id, task.lines),
            Step.AUTHORISE: lambda: self._payments.authorise(order_id, task.total, task.payment, task.customer_id),
            Step.PIN: lambda: self._inventory.pin(order_id),
            Step.CAPTURE: lambda: self._payments.capture(order_id),
            Step.COMMIT: lambda: self._inventory.commit(order_id),
            Step.VOID: lambda: self._payments.void(order_id),
            Step.RELEASE: lambda: self._inventory.release(order_id),
            Step.REFUND: lambda: self._payments.refund(order_id, undo_id, task.total),
            Step.RESTOCK: lambda: self._inventory.take_back(order_id, undo_id, task.lines),
        }
        return await calls[task.step]()

    async def _settle(self, task: Task, outcome: Outcome) -> Turn | None:
        """Store what came of it, while the lease lasts; None if that is not ours to do any more."""
        until = asyncio.get_running_loop().time() + self._pace.lease_seconds
        while True:
            try:
                async with self._sagas() as sagas:
                    turn = await sagas.settle(task, outcome)
            except UnavailableError:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_STORE_AGAIN_SECONDS)
            else:
                break
        if turn is None:
            _fenced.inc()
            self._log.warning("too late", order_id=str(task.order_id), step=task.step, outcome=_name(outcome))
        return turn

    async def _give_back(self, task: Task) -> None:
        with suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(1), self._sagas() as sagas:
                await sagas.give_back(task)

    @asynccontextmanager
    async def _sagas(self) -> AsyncIterator[SagaService]:
        async with self._database.transaction() as session:
            yield SagaService(self._units(session), lease=timedelta(seconds=self._pace.lease_seconds))


def _name(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
