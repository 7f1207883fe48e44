from datetime import timedelta
from uuid import uuid4

import pytest

from auth.domain.families import FamilyLife, Redemption, RefreshFamily
from chassis.testing import FakeClock

LIFE = FamilyLife(idle=timedelta(days=14), longest=timedelta(days=90))
CLIENT = "tradewind-cli"


@pytest.fixture
def family(clock: FakeClock) -> RefreshFamily:
    return RefreshFamily(account_id=uuid4(), client_id=CLIENT, scopes=frozenset(), now=clock.now(), life=LIFE)


def redeem(family: RefreshFamily, generation: int, clock: FakeClock, client_id: str = CLIENT) -> Redemption:
    return family.redeem(generation, client_id, clock.now(), LIFE)


def test_newest_token_is_replaced(family: RefreshFamily, clock: FakeClock) -> None:
    assert redeem(family, 1, clock) is Redemption.ROTATED
    assert family.newest.counter == 2
    assert redeem(family, 2, clock) is Redemption.ROTATED


def test_token_repeated_within_ten_seconds_has_the_same_successor(family: RefreshFamily, clock: FakeClock) -> None:
    redeem(family, 1, clock)
    successor = family.newest
    clock.advance(seconds=10)
    assert redeem(family, 1, clock) is Redemption.REPEATED
    assert family.newest == successor
    assert family.alive(clock.now())


def test_token_reused_later_ends_its_family(family: RefreshFamily, clock: FakeClock) -> None:
    redeem(family, 1, clock)
    clock.advance(seconds=11)
    assert redeem(family, 1, clock) is Redemption.REUSED
    assert family.end_reason == "reused"
    assert redeem(family, 2, clock) is Redemption.REFUSED


def test_older_generation_ends_the_family_even_within_ten_seconds(family: RefreshFamily, clock: FakeClock) -> None:
    redeem(family, 1, clock)
    redeem(family, 2, clock)
    assert redeem(family, 1, clock) is Redemption.REUSED
    assert redeem(family, 3, clock) is Redemption.REFUSED


def test_other_client_is_refused_and_ends_nothing(family: RefreshFamily, clock: FakeClock) -> None:
    assert redeem(family, 1, clock, "somebody-else") is Redemption.REFUSED
    assert redeem(family, 1, clock) is Redemption.ROTATED


def test_generation_that_was_never_given_is_refused(family: RefreshFamily, clock: FakeClock) -> None:
    assert redeem(family, 2, clock) is Redemption.REFUSED


def test_unused_family_dies_after_its_idle_time(family: RefreshFamily, clock: FakeClock) -> None:
    clock.advance(days=13)
    assert redeem(family, 1, clock) is Redemption.ROTATED
    clock.advance(days=14)
    assert redeem(family, 2, clock) is Redemption.REFUSED


def test_used_family_dies_after_its_longest_life(family: RefreshFamily, clock: FakeClock) -> None:
    for generation in range(1, 10):
        clock.advance(days=9, hours=23)
        assert redeem(family, generation, clock) is Redemption.ROTATED
    clock.advance(hours=10)
    assert redeem(family, 10, clock) is Redemption.REFUSED


def test_ended_family_keeps_its_first_reason(family: RefreshFamily, clock: FakeClock) -> None:
    family.end("revoked", clock.now())
    family.end("reused", clock.now())
    assert family.end_reason == "revoked"
    assert redeem(family, 1, clock) is Redemption.REFUSED
