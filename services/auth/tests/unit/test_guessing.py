from datetime import timedelta

import pytest

from auth.domain.guessing import Guard, Pace, Paces, TooManyGuessesError, Track, address_subject
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeTracks

pytestmark = pytest.mark.anyio

PACE = Pace(free=3, first=timedelta(seconds=1), longest=timedelta(minutes=5), forget_after=timedelta(hours=1))
HOME, AWAY, ELSEWHERE = "203.0.113.9", "198.51.100.7", "192.0.2.1"
ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def tracks() -> FakeTracks:
    return FakeTracks()


@pytest.fixture
def guard(tracks: FakeTracks, clock: FakeClock) -> Guard:
    return Guard(tracks, clock, Paces(account=PACE, address=Pace(free=20)))


async def guess(guard: Guard, times: int, email: str = ADA, address: str = AWAY) -> None:
    for _ in range(times):
        await guard.charge(email, address)


async def wait_of(guard: Guard, email: str = ADA, address: str = AWAY) -> float:
    with pytest.raises(TooManyGuessesError) as refused:
        await guard.charge(email, address)
    assert refused.value.retry_after_seconds is not None
    return refused.value.retry_after_seconds


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (3, 0), (4, 1), (5, 2), (6, 4), (12, 256), (13, 300), (1000, 300)]
)
def test_pauses_double_up_to_a_bound(failures: int, seconds: int) -> None:
    assert PACE.pause(failures) == timedelta(seconds=seconds)


async def test_first_guesses_are_free_and_later_ones_wait(guard: Guard, clock: FakeClock) -> None:
    await guess(guard, 4)
    assert await wait_of(guard) == 1
    clock.advance(seconds=1)
    await guess(guard, 1)
    assert await wait_of(guard) == 2


async def test_asking_during_a_pause_does_not_prolong_it(guard: Guard, clock: FakeClock) -> None:
    await guess(guard, 4)
    for _ in range(50):
        await wait_of(guard)
    clock.advance(seconds=1)
    await guess(guard, 1)


async def test_guesses_from_many_addresses_slow_the_account(guard: Guard) -> None:
    for number in range(4):
        await guess(guard, 1, address=f"198.51.100.{number}")
    assert await wait_of(guard, address=ELSEWHERE) == 1


async def test_guesses_at_many_accounts_slow_the_address(guard: Guard) -> None:
    for number in range(21):
        await guess(guard, 1, email=f"{number}@example.com")
    assert await wait_of(guard, email=BOB) == 1
    await guess(guard, 1, email=BOB, address=ELSEWHERE)


async def test_owner_gets_in_from_a_known_address_while_others_guess(guard: Guard) -> None:
    await guess(guard, 1, address=HOME)
    await guard.succeeded(ADA, HOME)
    await guess(guard, 4)
    await wait_of(guard, address=ELSEWHERE)
    await guess(guard, 1, address=HOME)


async def test_known_address_is_forgotten_after_thirty_days(guard: Guard, clock: FakeClock) -> None:
    await guess(guard, 1, address=HOME)
    await guard.succeeded(ADA, HOME)
    clock.advance(days=30, seconds=1)
    await guess(guard, 4)
    assert await wait_of(guard, address=HOME) == 1


async def test_known_address_is_slowed_down_by_its_own_guesses(guard: Guard) -> None:
    await guess(guard, 1, address=HOME)
    await guard.succeeded(ADA, HOME)
    await guess(guard, 4, address=HOME)
    assert await wait_of(guard, address=HOME) == 1


async def test_right_password_clears_the_account_and_refunds_the_address(guard: Guard, tracks: FakeTracks) -> None:
    await guess(guard, 3)
    await guess(guard, 1)
    await guard.succeeded(ADA, AWAY)
    await guess(guard, 4)
    assert tracks.rows[address_subject(AWAY)].failures == 7


async def test_undecided_attempt_costs_nothing(guard: Guard, tracks: FakeTracks) -> None:
    await guess(guard, 4)
    await guard.undecided(ADA, AWAY)
    assert {track.failures for track in tracks.rows.values()} == {3}
    await guess(guard, 1)


async def test_cleared_account_starts_afresh(guard: Guard) -> None:
    await guess(guard, 4)
    await guard.clear(ADA)
    await guess(guard, 4, address=ELSEWHERE)


async def test_guesses_are_forgotten_after_an_hour_of_peace(guard: Guard, clock: FakeClock) -> None:
    await guess(guard, 3)
    clock.advance(hours=1, seconds=1)
    await guess(guard, 3)


async def test_longest_pause_is_short_enough_to_wait(guard: Guard, clock: FakeClock) -> None:
    await guess(guard, 4)
    for _ in range(100):
        wait = await wait_of(guard)
        assert wait <= 300
        clock.advance(seconds=wait)
        await guess(guard, 1)


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "address:203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "address:2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "address:203.0.113.9"),
        ("", "address:unknown"),
    ],
)
def test_addresses_count_as_their_owners_have_them(address: str, subject: str) -> None:
    assert address_subject(address) == subject


def test_refund_never_goes_below_nothing(clock: FakeClock) -> None:
    track = Track("account:x")
    track.refund(PACE)
    assert track.failures == 0
