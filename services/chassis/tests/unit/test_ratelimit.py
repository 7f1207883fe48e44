from collections.abc import Coroutine
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ratelimit import Decision, Limit, MemoryLimiter

pytestmark = pytest.mark.anyio


class Microseconds:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 10_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def microseconds() -> Microseconds:
    return Microseconds()


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (10_001, 1), (1, 0), (1 / 86_400, 32)])
def test_limit_that_cannot_be_kept_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="Limit"):
        Limit(rate, burst)


def test_limit_per_minute_allows_all_of_it_at_once() -> None:
    assert Limit.per_minute(120) == Limit(2, 120)
    assert Limit.per_minute(120, burst=10) == Limit(2, 10)


def test_interval_rounds_to_the_strict_side() -> None:
    assert Limit(3, 1).interval == 333_334


@pytest.mark.parametrize("cost", [-1, 6])
async def test_cost_that_can_never_be_paid_is_a_mistake(cost: int) -> None:
    limiter = MemoryLimiter()
    with pytest.raises(ValueError, match="never be paid"):
        await limiter.take("ada", Limit(1, 5), cost)


async def test_recovered_keys_are_forgotten(microseconds: Microseconds) -> None:
    limiter = MemoryLimiter(monotonic=microseconds)
    for number in range(1000):
        await limiter.take(str(number), Limit(1, 5))
    microseconds.now += 1_000_000
    for number in range(100):
        await limiter.take(f"later {number}", Limit(1, 5))
    assert len(limiter) <= 100


async def test_looking_remembers_nothing(microseconds: Microseconds) -> None:
    limiter = MemoryLimiter(monotonic=microseconds)
    await limiter.take("ada", Limit(1, 5), 0)
    assert len(limiter) == 0


async def test_flood_of_keys_is_bounded_and_forgets_the_longest_unused(microseconds: Microseconds) -> None:
    limiter = MemoryLimiter(monotonic=microseconds, max_keys=100)
    await limiter.take("busy", Limit(0.01, 5), 5)
    await limiter.take("quiet", Limit(0.01, 5), 5)
    for number in range(1000):
        await limiter.take(str(number), Limit(0.01, 5))
        await limiter.take("busy", Limit(0.01, 5), 0)
        assert len(limiter) <= 100

    assert (await limiter.take("busy", Limit(0.01, 5), 0)).remaining == 0
    assert (await limiter.take("quiet", Limit(0.01, 5), 0)).remaining == 5


limits = st.builds(Limit, st.floats(0.01, 10_000), st.integers(1, 50))
steps = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 50)), min_size=1, max_size=60)


def play(limit: Limit, taken: list[tuple[int, int]]) -> list[tuple[int, int, Decision]]:
    """Take, after each pause, a cost; return when, how much and what was decided."""
    clock = Microseconds()
    limiter = MemoryLimiter(monotonic=clock)
    seen = []
    for pause, wanted in taken:
        clock.now += pause
        cost = min(wanted, limit.burst)
        seen.append((clock.now, cost, done(limiter.take("ada", limit, cost))))
    return seen


def done(taking: Coroutine[Any, Any, Decision]) -> Decision:
    """Run what never waits, without the expense of a loop for every example."""
    try:
        taking.send(None)
    except StopIteration as end:
        decision: Decision = end.value
        return decision
    raise AssertionError("it waited")


@given(limit=limits, taken=steps)
def test_no_window_has_more_than_the_burst_and_what_was_earned_in_it(
    limit: Limit, taken: list[tuple[int, int]]
) -> None:
    allowed = [(at, cost) for at, cost, decision in play(limit, taken) if decision.allowed]
    rate = Fraction(limit.rate) / 1_000_000
    for first, (start, _cost) in enumerate(allowed):
        total = 0
        for at, cost in allowed[first:]:
            total += cost
            assert total <= limit.burst + rate * (at - start)


@given(limit=limits, taken=steps, cost=st.integers(1, 50))
def test_retry_after_is_exact(limit: Limit, taken: list[tuple[int, int]], cost: int) -> None:
    cost = min(cost, limit.burst)
    *_, (_at, _cost, refused) = play(limit, [*taken, (0, limit.burst), (0, cost)])
    if refused.allowed:
        return
    wait = round(refused.retry_after_seconds * 1_000_000)

    *_, (_at, _cost, before) = play(limit, [*taken, (0, limit.burst), (0, cost), (wait - 1, cost)])
    *_, (_at, _cost, after) = play(limit, [*taken, (0, limit.burst), (0, cost), (wait, cost)])

    assert not before.allowed
    assert after.allowed


@given(limit=limits, taken=steps)
def test_remaining_is_what_can_be_taken_at_once(limit: Limit, taken: list[tuple[int, int]]) -> None:
    *_, (_at, _cost, last) = play(limit, taken)
    assert 0 <= last.remaining <= limit.burst

    *_, (_at, _cost, all_of_it) = play(limit, [*taken, (0, last.remaining)])
    assert all_of_it.allowed
    if last.remaining < limit.burst:
        *_, (_at, _cost, more) = play(limit, [*taken, (0, last.remaining + 1)])
        assert not more.allowed


@given(limit=limits, taken=steps)
def test_reset_is_when_all_of_the_burst_is_back(limit: Limit, taken: list[tuple[int, int]]) -> None:
    *_, (_at, _cost, last) = play(limit, taken)
    reset = round(last.reset_seconds * 1_000_000)
    *_, (_at, _cost, after) = play(limit, [*taken, (reset, limit.burst)])
    assert after.allowed
    if reset:
        *_, (_at, _cost, before) = play(limit, [*taken, (reset - 1, limit.burst)])
        assert not before.allowed


@given(limit=limits, taken=steps)
def test_refusal_takes_nothing(limit: Limit, taken: list[tuple[int, int]]) -> None:
    seen = play(limit, taken)
    paused = 0
    without_refused: list[tuple[int, int]] = []
    for (pause, cost), (_at, _cost, decision) in zip(taken, seen, strict=True):
        paused += pause
        if decision.allowed:
            without_refused.append((paused, cost))
            paused = 0
    assert [each[2] for each in play(limit, without_refused)] == [each[2] for each in seen if each[2].allowed]
