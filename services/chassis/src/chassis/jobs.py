"""Jobs that run every so often on one replica, whichever is there.

A schedule is a row. A replica takes it by lease when it is due, renews the lease while the job runs, and writes down
the next time; if it dies, the lease ends and another replica runs the job. So a job may begin twice: it has to be
harmless to repeat.

Times are the database's, so that the clocks of replicas do not matter. A job runs at multiples of its interval (moved
by a constant of its name, so that not everything happens at midnight): how long it takes, or that nobody was there for
a while, shifts nothing.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import Counter, Gauge
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from chassis import context, logs, tables
from chassis.database import Database
from chassis.errors import UnavailableError
from chassis.tasks import end

Job = Callable[[], Awaitable[object]]

LEASE_SECONDS = 30.0
_LONGEST_SLEEP_SECONDS = 5.0
_FAILURE_PAUSE_SECONDS = 60.0

_runs = Counter("tradewind_job_runs_total", "Runs of a scheduled job.", ("job", "outcome"))
_last_success = Gauge(
    "tradewind_job_last_success_timestamp_seconds",
    "When a job last succeeded on any replica (Unix time), 0 for never.",
    ("job",),
    multiprocess_mode="livemax",
)

_row = tables.schedules.c


class Schedule:
    """One job and when it runs.

    Args:
        database: Where the replicas agree.
        name: Unique within the service.
        every_seconds: The interval. A new schedule runs at once; a failed job is tried again after a minute at most.
        job: What to do; its result is ignored, an exception means that it failed.
        lease_seconds: How long after its holder's death a run is taken over.
    """

    def __init__(
        self, database: Database, name: str, *, every_seconds: float, job: Job, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database = database
        self._name = name
        self._every = every_seconds
        self._job = job
        self._lease = lease_seconds
        self._log = logs.get("jobs").bind(job=name)
        self._gauge = _last_success.labels(name)

    async def run(self) -> None:
        """Run the job whenever it is due and this replica gets it, until cancelled."""
        known = False
        while True:
            pause = 1.0
            try:
                if not known:
                    await self._register()
                    known = True
                pause = await self._turn()
            except UnavailableError as error:
                self._log.warning("schedule waits", error=str(error))
            await asyncio.sleep(pause)

    async def _register(self) -> None:
        """Create the row; an interval that was shortened counts from now on."""
        soon = func.least(_row.next_run_at, func.now() + _seconds(self._every))
        row = insert(tables.schedules).values(name=self._name, next_run_at=func.now())
        await self._execute(row.on_conflict_do_update(index_elements=[_row.name], set_={"next_run_at": soon}))

    async def _turn(self) -> float:
        """Run the job if it is due and free; return how long to sleep, in seconds."""
        token = await self._claim()
        if token is not None:
            await self._run_once(token)
        async with self._database.read() as connection:
            row = (await connection.execute(self._look())).one()
        self._gauge.set(row.last_success_at.timestamp() if row.last_success_at else 0)
        return min(_LONGEST_SLEEP_SECONDS, self._lease / 2, max(0.02, float(row.wait_seconds)))

    def _look(self) -> Any:
        free_at = func.greatest(_row.next_run_at, func.coalesce(_row.leased_until, _row.next_run_at))
        wait = func.extract("epoch", free_at - func.clock_timestamp())
        return select(_row.last_success_at, wait.label("wait_seconds")).where(_row.name == self._name)

    async def _claim(self) -> UUID | None:
        token = uuid4()
        free = or_(_row.leased_until.is_(None), _row.leased_until <= func.now())
        claim = update(tables.schedules).where(_row.name == self._name, _row.next_run_at <= func.now(), free)
        count = await self._execute(claim.values(leased_until=self._lease_end(), lease_token=token))
        return token if count else None

    async def _run_once(self, token: UUID) -> None:
        with context.working(context.WorkContext()):
            try:
                async with self._leased(token):
                    await self._job()
            except asyncio.CancelledError:
                await self._release(token)
                raise
            except Exception:  # noqa: BLE001 - a job may raise anything, and is tried again
                self._log.exception("job failed")
                _runs.labels(self._name, "failed").inc()
                pause = min(self._every, _FAILURE_PAUSE_SECONDS)
                await self._finish(token, next_run_at=func.least(self._next(), func.now() + _seconds(pause)))
            else:
                _runs.labels(self._name, "succeeded").inc()
                self._log.info("job done")
                await self._finish(token, next_run_at=self._next(), last_success_at=func.now())

    @asynccontextmanager
    async def _leased(self, token: UUID) -> AsyncIterator[None]:
        """Renew the lease for the length of the block; cancel the block when another replica has it."""
        holder = asyncio.current_task()
        lost = False

        async def renew() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(self._lease / 3)
                with suppress(UnavailableError):
                    if not await self._note(token, leased_until=self._lease_end()):
                        lost = True
                        if holder is not None:
                            holder.cancel()
                        return

        task = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if lost and holder is not None and holder.uncancel() == 0:
                raise LeaseLostError(self._name) from None
            raise
        finally:
            await end(task)

    async def _finish(self, token: UUID, **values: Any) -> None:
        """Write down how it went and give the lease back."""
        await self._note(token, leased_until=None, lease_token=None, **values)

    async def _note(self, token: UUID, **values: Any) -> int:
        """Change the row, unless somebody else holds the lease by now; return whether that worked, as 1 or 0."""
        mine = and_(_row.name == self._name, _row.lease_token == token)
        return await self._execute(update(tables.schedules).where(mine).values(values))

    async def _release(self, token: UUID) -> None:
        """Let another replica begin at once: this one is being stopped."""
        with suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(1):
                await self._finish(token)

    def _next(self) -> Any:
        """The next multiple of the interval, moved by the name's constant."""
        moved = zlib.crc32(self._name.encode()) % max(1, int(self._every))
        done = func.floor((func.extract("epoch", func.clock_timestamp()) - moved) / self._every)
        return func.to_timestamp((done + 1) * self._every + moved)

    def _lease_end(self) -> Any:
        return func.now() + _seconds(self._lease)

    async def _execute(self, statement: Any) -> int:
        async with self._database.read() as connection:
            count: int = (await connection.execute(statement)).rowcount
            return count


class LeaseLostError(Exception):
    """The lease ended while the job ran, and another replica has begun it."""


def _seconds(seconds: float) -> Any:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
