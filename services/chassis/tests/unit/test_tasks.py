import asyncio

import pytest

from chassis import tasks
from chassis.tasks import end

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_AGAIN_AFTER_SECONDS", 0.01)


async def stubborn(times: int = 1) -> None:
    """Lose that many cancellations, as libraries do."""
    for _ in range(times + 1):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def running(*started: asyncio.Task[None]) -> None:
    await asyncio.sleep(0)
    assert not any(task.done() for task in started)


async def test_task_that_loses_cancellations_ends() -> None:
    task = asyncio.create_task(stubborn(times=3))
    await running(task)
    await end(task)
    assert task.done()


async def test_all_have_ended_however_they_did() -> None:
    async def fail() -> None:
        raise ValueError

    failed, over, waits = (asyncio.create_task(each) for each in (fail(), asyncio.sleep(0), stubborn()))
    await running(waits)
    await end(failed, over, waits)
    assert failed.done()
    assert over.done()
    assert waits.done()


async def test_nothing_is_ended_at_once() -> None:
    await end()


async def test_caller_who_is_cancelled_stays_until_they_have_ended() -> None:
    task = asyncio.create_task(stubborn(times=3))
    await running(task)
    caller = asyncio.create_task(end(task))
    await running(caller)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert task.done()


async def test_tasks_of_a_task_end_with_it() -> None:
    inner: list[asyncio.Task[None]] = []

    async def hold() -> None:
        inner.append(asyncio.create_task(stubborn(times=3)))
        try:
            await stubborn()
        finally:
            await end(*inner)

    outer = asyncio.create_task(hold())
    await running(outer)
    await end(outer)
    assert inner[0].done()
