import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from chassis import context
from chassis.bulkhead import Bulkhead, BulkheadFullError

pytestmark = pytest.mark.anyio


async def enter(bulkhead: Bulkhead) -> None:
    async with bulkhead:
        pass


async def settle() -> None:
    """Let other tasks come as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_as_the_limit_are_under_way() -> None:
    bulkhead = Bulkhead("catalog", limit=2, queue=0)
    async with bulkhead, bulkhead:
        with pytest.raises(BulkheadFullError):
            await enter(bulkhead)
    await enter(bulkhead)


async def test_queued_call_gets_the_place_that_becomes_free() -> None:
    bulkhead = Bulkhead("catalog", limit=1, queue=1)
    async with AsyncExitStack() as under_way:
        await under_way.enter_async_context(bulkhead)
        queued = asyncio.create_task(enter(bulkhead))
        await settle()
        assert not queued.done()
        with pytest.raises(BulkheadFullError):
            await enter(bulkhead)
    await queued


async def test_queue_waits_a_short_while_only() -> None:
    bulkhead = Bulkhead("catalog", limit=1, queue=1, wait_seconds=0.02)
    async with bulkhead:
        with pytest.raises(BulkheadFullError):
            await enter(bulkhead)
    await enter(bulkhead)


async def test_deadline_ends_the_wait() -> None:
    bulkhead = Bulkhead("catalog", limit=1, queue=1, wait_seconds=30)
    started = time.monotonic()
    with context.deadline_in(0.02):
        async with bulkhead:
            with pytest.raises(BulkheadFullError):
                await enter(bulkhead)
    assert time.monotonic() - started < 10


async def test_cancelled_wait_leaves_its_place_in_the_queue() -> None:
    bulkhead = Bulkhead("catalog", limit=1, queue=1)
    async with bulkhead:
        given_up = asyncio.create_task(enter(bulkhead))
        await settle()
        given_up.cancel()
        await settle()
        queued = asyncio.create_task(enter(bulkhead))
        await settle()
        assert not queued.done()
    await queued


async def test_failed_call_frees_its_place() -> None:
    bulkhead = Bulkhead("catalog", limit=1, queue=0)
    with pytest.raises(ConnectionError):
        async with bulkhead:
            raise ConnectionError
    await enter(bulkhead)
