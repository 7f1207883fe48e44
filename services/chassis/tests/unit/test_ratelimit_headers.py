import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ratelimit import Decision, Limit, MemoryLimiter, decide
from chassis.ratelimit_headers import rate_limit_headers


def standing(limit: Limit, *, ahead: int) -> Decision:
    return decide(limit, ahead=ahead, wait=0)


def test_untouched_limit_has_nothing_to_wait_for() -> None:
    limit = Limit.per_minute(60)
    assert rate_limit_headers(("account", limit, standing(limit, ahead=0))) == {
        "ratelimit-policy": '"account";q=60;w=60',
        "ratelimit": '"account";r=60',
    }


def test_touched_limit_says_when_there_is_more() -> None:
    limit = Limit(0.1, 5)
    decision = standing(limit, ahead=32_000_000)
    assert decision.remaining == 1
    assert rate_limit_headers(("account", limit, decision))["ratelimit"] == '"account";r=1;t=2'


def test_several_limits_are_listed_in_order() -> None:
    limit, other = Limit(1, 5), Limit(10, 100)
    headers = rate_limit_headers(
        ("account", limit, standing(limit, ahead=5_000_000)), ("address", other, standing(other, ahead=0))
    )
    assert headers == {
        "ratelimit-policy": '"account";q=5;w=5, "address";q=100;w=10',
        "ratelimit": '"account";r=0;t=1, "address";r=100',
    }


def test_names_are_quoted() -> None:
    limit = Limit(1, 5)
    headers = rate_limit_headers(('a"b\\c', limit, standing(limit, ahead=0)))
    assert headers["ratelimit"] == r'"a\"b\\c";r=5'


@pytest.mark.parametrize("name", ["né", "a\nb", "a\x7f"])
def test_names_that_no_header_can_carry_are_refused(name: str) -> None:
    limit = Limit(1, 5)
    with pytest.raises(ValueError, match="ASCII"):
        rate_limit_headers((name, limit, standing(limit, ahead=0)))


@given(
    limit=st.builds(Limit, st.floats(0.01, 10_000), st.integers(1, 50)),
    taken=st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(0, 50)), max_size=20),
)
def test_after_t_seconds_there_is_more(limit: Limit, taken: list[tuple[int, int]]) -> None:
    now = [0]
    limiter = MemoryLimiter(monotonic=lambda: now[0])

    async def run() -> None:
        for pause, cost in taken:
            now[0] += pause
            await limiter.take("ada", limit, min(cost, limit.burst))
        decision = await limiter.take("ada", limit, 0)
        if decision.remaining == limit.burst:
            return
        seconds = int(rate_limit_headers(("account", limit, decision))["ratelimit"].rpartition("t=")[2])
        assert seconds >= 1
        now[0] += seconds * 1_000_000
        assert (await limiter.take("ada", limit, 0)).remaining > decision.remaining

    asyncio.run(run())
