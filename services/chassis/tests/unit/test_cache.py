"""What is kept, for how long, and what a change does to what is being read."""

import asyncio

import pytest

from chassis.cache import Cache
from chassis.testing import eventually

pytestmark = pytest.mark.anyio


class Source:
    """Something to read, which waits until it may answer."""

    def __init__(self, value: str | None = "one") -> None:
        self.value = value
        self.reads = 0
        self.open = asyncio.Event()
        self.open.set()

    async def read(self) -> str | None:
        self.reads += 1
        found = self.value
        await self.open.wait()
        if found == "broken":
            raise ValueError(found)
        return found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache[str, str]:
    return Cache("test", seconds=5, most=2, clock=clock)


async def test_value_is_read_once_and_again_when_its_time_is_over(cache: Cache[str, str], clock: Clock) -> None:
    source = Source()
    assert [await cache.get("a", source.read) for _ in range(3)] == ["one"] * 3
    clock.now = 4.9
    await cache.get("a", source.read)
    assert source.reads == 1
    clock.now = 5
    await cache.get("a", source.read)
    assert source.reads == 2


async def test_many_who_ask_at_once_read_once(cache: Cache[str, str]) -> None:
    source = Source()
    source.open.clear()
    asking = [asyncio.create_task(cache.get("a", source.read)) for _ in range(20)]
    await eventually(lambda: source.reads == 1)
    source.open.set()
    assert await asyncio.gather(*asking) == ["one"] * 20
    assert source.reads == 1


async def test_nothing_is_not_kept(cache: Cache[str, str]) -> None:
    source = Source(None)
    assert [await cache.get("a", source.read) for _ in range(2)] == [None, None]
    assert source.reads == 2


async def test_error_is_everybodys_who_waits_and_is_not_kept(cache: Cache[str, str]) -> None:
    source = Source("broken")
    found = await asyncio.gather(*(cache.get("a", source.read) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError, ValueError]
    source.value = "one"
    assert await cache.get("a", source.read) == "one"
    assert source.reads == 2


async def test_who_gives_up_ends_it_for_nobody_else(cache: Cache[str, str]) -> None:
    source = Source()
    source.open.clear()
    first, second = (asyncio.create_task(cache.get("a", source.read)) for _ in range(2))
    await eventually(lambda: source.reads == 1)
    first.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await second == "one"
    assert source.reads == 1


async def test_change_drops_what_is_stale_alone(cache: Cache[str, str]) -> None:
    one, two = Source("one"), Source("two")
    await cache.get("a", one.read)
    await cache.get("b", two.read)
    cache.forget(lambda value: value == "one")
    await cache.get("a", one.read)
    await cache.get("b", two.read)
    assert (one.reads, two.reads) == (2, 1)


async def test_what_was_read_before_a_change_is_not_kept_after_it(cache: Cache[str, str]) -> None:
    source = Source()
    source.open.clear()
    early = asyncio.create_task(cache.get("a", source.read))
    await eventually(lambda: source.reads == 1)
    source.value = "two"
    cache.forget(lambda value: value == "one")
    late = asyncio.create_task(cache.get("a", source.read))
    await asyncio.sleep(0)
    source.open.set()
    assert (await early, await late) == ("one", "two")
    assert await cache.get("a", source.read) == "two"
    assert source.reads == 2


async def test_it_holds_so_many_and_no_more(cache: Cache[str, str]) -> None:
    source = Source()
    for key in ("a", "b", "c", "c", "b"):
        await cache.get(key, source.read)
    assert source.reads == 3
    await cache.get("a", source.read)
    assert source.reads == 4
