import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from prometheus_client import REGISTRY

from chassis.breaker import Breaker, BreakerOpenError

pytestmark = pytest.mark.anyio


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker("catalog", failures=3, volume=10, window_seconds=10, open_seconds=5, monotonic=seconds)


def fail(breaker: Breaker) -> None:
    with pytest.raises(ConnectionError), breaker.call():
        raise ConnectionError


def succeed(breaker: Breaker) -> None:
    with breaker.call():
        pass


def times(count: int, act: Callable[[Breaker], None], breaker: Breaker) -> None:
    for _ in range(count):
        act(breaker)


def state(breaker: Breaker) -> str:
    return breaker.state.name


def metric() -> float | None:
    return REGISTRY.get_sample_value("tradewind_breaker_state", {"peer": "catalog"})


def test_failures_in_a_row_open_it(breaker: Breaker) -> None:
    times(2, fail, breaker)
    succeed(breaker)
    times(2, fail, breaker)
    assert state(breaker) == "CLOSED"

    fail(breaker)

    assert state(breaker) == "OPEN"


def test_open_breaker_refuses_and_says_for_how_long(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 2

    with pytest.raises(BreakerOpenError) as refused:
        breaker.call()

    assert refused.value.retry_after_seconds == 3
    assert refused.value.code == "unavailable"


def test_share_of_failures_opens_it_though_none_follow_another(breaker: Breaker) -> None:
    for _ in range(4):
        fail(breaker)
        succeed(breaker)
    assert state(breaker) == "CLOSED", "eight calls are too few to speak of a share"
    fail(breaker)
    assert state(breaker) == "CLOSED"

    succeed(breaker)
    fail(breaker)

    assert state(breaker) == "OPEN"


def test_failures_of_long_ago_do_not_count(breaker: Breaker, seconds: Seconds) -> None:
    for _ in range(4):
        fail(breaker)
        succeed(breaker)
    seconds.now += 21

    fail(breaker)
    succeed(breaker)
    fail(breaker)

    assert state(breaker) == "CLOSED"


def test_failures_of_the_last_window_count(breaker: Breaker, seconds: Seconds) -> None:
    for _ in range(4):
        fail(breaker)
        succeed(breaker)
    seconds.now += 11

    fail(breaker)
    succeed(breaker)
    fail(breaker)

    assert state(breaker) == "OPEN"


def test_one_probe_goes_out_at_a_time(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 5

    with breaker.call():
        assert state(breaker) == "HALF_OPEN"
        with pytest.raises(BreakerOpenError):
            breaker.call()

    assert state(breaker) == "CLOSED"
    succeed(breaker)


def test_failed_probe_leaves_the_peer_alone_for_as_long_again(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 5
    fail(breaker)
    seconds.now += 4.9

    with pytest.raises(BreakerOpenError):
        breaker.call()

    seconds.now += 0.1
    succeed(breaker)
    assert state(breaker) == "CLOSED"


def test_recovered_peer_has_all_its_failures_again(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 5
    succeed(breaker)

    times(2, fail, breaker)

    assert state(breaker) == "CLOSED"


def test_recovered_peer_is_not_judged_by_its_past(breaker: Breaker, seconds: Seconds) -> None:
    for _ in range(5):
        succeed(breaker)
        fail(breaker)
    assert state(breaker) == "OPEN"
    seconds.now += 5
    succeed(breaker)

    fail(breaker)

    assert state(breaker) == "CLOSED"


def test_probe_that_hangs_gives_way_to_another(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 5

    with breaker.call():
        seconds.now += 5
        succeed(breaker)

    assert state(breaker) == "CLOSED"


async def test_cancelled_probe_gives_its_place_back(breaker: Breaker, seconds: Seconds) -> None:
    times(3, fail, breaker)
    seconds.now += 5
    with pytest.raises(asyncio.CancelledError), breaker.call():
        raise asyncio.CancelledError

    assert state(breaker) == "HALF_OPEN"
    succeed(breaker)
    assert state(breaker) == "CLOSED"


def test_cancelled_calls_say_nothing_about_the_peer(breaker: Breaker) -> None:
    for _ in range(20):
        with pytest.raises(asyncio.CancelledError), breaker.call():
            raise asyncio.CancelledError

    assert state(breaker) == "CLOSED"


def test_call_can_fail_without_an_exception(breaker: Breaker) -> None:
    for _ in range(3):
        with breaker.call() as call:
            call.failed()

    assert state(breaker) == "OPEN"


def test_exception_can_be_nobodys_failure(breaker: Breaker) -> None:
    for _ in range(20):
        with suppress(TimeoutError), breaker.call() as call:
            call.undecided()
            raise TimeoutError

    assert state(breaker) == "CLOSED"


def test_first_verdict_counts(breaker: Breaker) -> None:
    for _ in range(3):
        with suppress(ConnectionError), breaker.call() as call:
            call.succeeded()
            raise ConnectionError

    assert state(breaker) == "CLOSED"


def test_late_success_of_an_old_call_does_not_close_it(breaker: Breaker, seconds: Seconds) -> None:
    with breaker.call():
        times(3, fail, breaker)
        seconds.now += 5
        probe = breaker.call()
    assert state(breaker) == "HALF_OPEN"

    with pytest.raises(ConnectionError), probe:
        raise ConnectionError

    assert state(breaker) == "OPEN"


def test_late_failure_of_an_old_call_does_not_fail_the_probe(breaker: Breaker, seconds: Seconds) -> None:
    with suppress(ConnectionError), breaker.call():
        times(3, fail, breaker)
        seconds.now += 5
        probe = breaker.call()
        raise ConnectionError
    assert state(breaker) == "HALF_OPEN"

    with probe:
        pass

    assert state(breaker) == "CLOSED"


def test_metric_shows_the_state(breaker: Breaker, seconds: Seconds) -> None:
    assert metric() == 0
    times(3, fail, breaker)
    assert metric() == 2
    seconds.now += 5
    with breaker.call():
        assert metric() == 1
    assert metric() == 0
