"""Schedules: each run on one replica, when it is due, whoever dies."""

import asyncio
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from chassis.jobs import Schedule
from chassis.settings import DatabaseSettings
from chassis.testing import eventually

pytestmark = pytest.mark.anyio


class Runs:
    """A job that counts how often it runs, and how often at once."""

    def __init__(self, *, seconds: float = 0, failures: int = 0) -> None:
        self.begun = self.ended = self.running = self.most = 0
        self._seconds = seconds
        self._failures = failures

    async def __call__(self) -> None:
        self.begun += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self._seconds)
            if self.begun <= self._failures:
                raise RuntimeError("the job failed")
        finally:
            self.running -= 1
        self.ended += 1

    def has_ended(self) -> bool:
        return self.ended > 0


async def row(shop: Any) -> Any:
    [found] = await shop.rows("SELECT *, now() AS now FROM schedules")
    return found


async def postpone(shop: Any, *, seconds: float) -> None:
    await shop.execute("UPDATE schedules SET next_run_at = now() + make_interval(secs => :s)", s=seconds)


async def test_new_schedule_runs_at_once_and_then_when_it_is_due(shop: Any, beside: Any) -> None:
    runs = Runs()
    async with beside(Schedule(shop.database, "often", every_seconds=0.2, job=runs).run()):
        await eventually(lambda: runs.ended == 1, seconds=2)
        await eventually(lambda: runs.ended >= 4)


async def test_replicas_share_one_schedule(shop: Any, open_shop: Any, beside: Any) -> None:
    runs = Runs(seconds=0.02)
    databases = [shop.database, (await open_shop()).database, (await open_shop()).database]
    started = asyncio.get_running_loop().time()
    async with beside(*(Schedule(each, "often", every_seconds=0.2, job=runs).run() for each in databases)):
        await eventually(lambda: runs.ended >= 5)
    seconds = asyncio.get_running_loop().time() - started
    assert runs.most == 1
    assert runs.begun <= seconds / 0.2 + 2


async def test_next_run_is_a_multiple_of_the_interval_however_late_this_one_was(shop: Any, beside: Any) -> None:
    seen: set[float] = set()
    for late in (0.3, 400, 100_000):
        runs = Runs(seconds=0.1)
        await shop.execute("UPDATE schedules SET next_run_at = now() - make_interval(secs => :s)", s=late)
        async with beside(Schedule(shop.database, "hourly", every_seconds=3600, job=runs).run()):
            await eventually(runs.has_ended)
            await eventually(lambda: _in_the_future(shop))
        found = await row(shop)
        assert found.next_run_at - found.now <= timedelta(hours=1)
        seen.add(found.next_run_at.timestamp() % 3600)
    assert len(seen) == 1


async def _in_the_future(shop: Any) -> bool:
    found = await row(shop)
    return bool(found.next_run_at > found.now)


async def test_schedules_of_one_interval_do_not_all_run_at_the_same_moment(shop: Any, beside: Any) -> None:
    runs = Runs()
    names = [f"purge-{number}" for number in range(5)]
    async with beside(*(Schedule(shop.database, name, every_seconds=3600, job=runs).run() for name in names)):
        await eventually(lambda: runs.ended == 5)

        async def all_noted() -> bool:
            return bool(await shop.count("schedules WHERE next_run_at > now()") == 5)

        await eventually(all_noted)
    assert int((await shop.rows("SELECT count(DISTINCT next_run_at) FROM schedules"))[0][0]) == 5


async def test_failed_job_is_tried_again_before_its_next_time(shop: Any, beside: Any) -> None:
    runs = Runs(failures=1)
    async with beside(Schedule(shop.database, "daily", every_seconds=86_400, job=runs, lease_seconds=1).run()):
        await eventually(lambda: runs.begun == 1 and not runs.running)
        await eventually(lambda: _in_the_future(shop))
        found = await row(shop)
        assert found.next_run_at - found.now <= timedelta(seconds=60)
        assert found.last_success_at is None
        await postpone(shop, seconds=0)
        await eventually(lambda: runs.ended == 1)


async def test_success_is_noted_and_shown_by_every_replica(shop: Any, open_shop: Any, beside: Any) -> None:
    runs = Runs()
    async with beside(Schedule(shop.database, "noted", every_seconds=3600, job=runs).run()):
        await eventually(lambda: runs.ended)
        await eventually(lambda: _in_the_future(shop))
    elsewhere = Runs()
    gauge = "tradewind_job_last_success_timestamp_seconds"
    async with beside(Schedule((await open_shop()).database, "noted", every_seconds=3600, job=elsewhere).run()):
        await eventually(lambda: REGISTRY.get_sample_value(gauge, {"job": "noted"}))
    shown = REGISTRY.get_sample_value(gauge, {"job": "noted"})
    assert elsewhere.begun == 0
    assert shown == pytest.approx((await row(shop)).last_success_at.timestamp())
    assert abs(datetime.now(UTC).timestamp() - (shown or 0)) < 60


async def test_shortened_interval_counts_at_once(shop: Any, beside: Any) -> None:
    runs = Runs()
    async with beside(Schedule(shop.database, "job", every_seconds=86_400, job=runs).run()):
        await eventually(lambda: runs.ended)
        await eventually(lambda: _in_the_future(shop))
    async with beside(Schedule(shop.database, "job", every_seconds=0.3, job=runs).run()):
        await eventually(lambda: runs.ended >= 2, seconds=3)


async def test_lease_is_renewed_while_the_job_runs(shop: Any, open_shop: Any, beside: Any) -> None:
    runs = Runs(seconds=1.5)
    databases = [shop.database, (await open_shop()).database]
    schedules = [Schedule(each, "long", every_seconds=3600, job=runs, lease_seconds=0.5) for each in databases]
    async with beside(*(schedule.run() for schedule in schedules)):
        await eventually(lambda: runs.ended)
    assert runs.begun == 1


async def test_stopped_replica_gives_its_run_to_another_at_once(shop: Any, open_shop: Any, beside: Any) -> None:
    stuck, runs = Runs(seconds=3600), Runs()
    async with beside(Schedule(shop.database, "job", every_seconds=3600, job=stuck).run()):
        await eventually(lambda: stuck.begun)
    assert (await row(shop)).leased_until is None
    async with beside(Schedule((await open_shop()).database, "job", every_seconds=3600, job=runs).run()):
        await eventually(lambda: runs.ended, seconds=3)


async def test_holder_that_lost_its_lease_is_stopped_and_changes_nothing(shop: Any, beside: Any) -> None:
    stuck = Runs(seconds=3600)
    async with beside(Schedule(shop.database, "job", every_seconds=3600, job=stuck, lease_seconds=0.3).run()):
        await eventually(lambda: stuck.running)
        await shop.execute(
            "UPDATE schedules SET lease_token = gen_random_uuid(), leased_until = now() + interval '1 hour'"
        )
        taken = await row(shop)
        await eventually(lambda: not stuck.running)
        now = await row(shop)
    assert (now.lease_token, now.next_run_at, now.leased_until) == (
        taken.lease_token,
        taken.next_run_at,
        taken.leased_until,
    )


async def test_schedule_outlives_an_outage_of_its_database(shop: Any, open_shop: Any, beside: Any) -> None:
    runs, administrator = Runs(), await open_shop()
    schedule = Schedule(shop.database, "often", every_seconds=0.1, job=runs, lease_seconds=1)
    async with beside(schedule.run()):
        await eventually(lambda: runs.ended)
        for _ in range(3):
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        before = runs.ended
        await eventually(lambda: runs.ended > before + 1)


# A real process, killed.


async def test_run_of_a_killed_process_is_taken_over(
    shop: Any, beside: Any, spawn: Any, empty_database: DatabaseSettings
) -> None:
    holder: subprocess.Popen[bytes] = spawn("holder", empty_database.url.get_secret_value())
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == b"holding\n"
    runs = Runs()
    async with beside(Schedule(shop.database, "daily", every_seconds=3600, job=runs, lease_seconds=1).run()):
        await asyncio.sleep(2)
        assert runs.begun == 0, "The lease of a living process was not renewed."
        holder.send_signal(signal.SIGKILL)
        await eventually(lambda: runs.ended == 1, seconds=5)
