from datetime import timedelta

import pytest

from auth.domain.signing_keys import (
    KeySchedule,
    KeyState,
    NoSigningKeyError,
    RotationPendingError,
    SigningKey,
    SigningKeys,
)
from chassis.testing import FakeClock
from services.auth.tests.fakes import KeyMaker

SCHEDULE = KeySchedule(
    rotation=timedelta(days=30), publish_ahead=timedelta(minutes=10), token_life=timedelta(minutes=11)
)


class Ring:
    """Keys on a clock that is turned."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.keys: list[SigningKey] = []
        self.make = KeyMaker()

    @property
    def all(self) -> SigningKeys:
        return SigningKeys(self.keys, SCHEDULE)

    def tend(self) -> SigningKey | None:
        return self._keep(self.all.tend(self.clock.now(), self.make))

    def rotate(self) -> SigningKey | None:
        return self._keep(self.all.rotate(self.clock.now(), self.make))

    def replace(self) -> SigningKey | None:
        return self._keep(self.all.replace(self.clock.now(), self.make))

    def _keep(self, made: SigningKey | None) -> SigningKey | None:
        self.keys += [made] if made else []
        return made

    @property
    def signer(self) -> str:
        return self.all.signer(self.clock.now()).kid

    @property
    def published(self) -> list[str]:
        return [key.kid for key in self.all.published(self.clock.now())]

    @property
    def states(self) -> list[KeyState]:
        return [key.state(self.clock.now()) for key in self.keys]


@pytest.fixture
def ring(clock: FakeClock) -> Ring:
    ring = Ring(clock)
    ring.tend()
    return ring


def test_very_first_key_signs_at_once(ring: Ring) -> None:
    assert (ring.signer, ring.published) == ("key-1", ["key-1"])


def test_nothing_signs_without_a_key(clock: FakeClock) -> None:
    with pytest.raises(NoSigningKeyError):
        SigningKeys([], SCHEDULE).signer(clock.now())


def test_nothing_is_due_until_the_rotation_period_ends(ring: Ring) -> None:
    ring.clock.advance(days=29, hours=23, minutes=49)
    assert ring.tend() is None


def test_next_key_is_published_before_it_signs(ring: Ring) -> None:
    ring.clock.advance(days=29, hours=23, minutes=50)
    ring.tend()
    assert ring.published == ["key-1", "key-2"]
    assert ring.states == [KeyState.SIGNING, KeyState.PUBLISHED]
    ring.clock.advance(minutes=9, seconds=59)
    assert ring.signer == "key-1"
    ring.clock.advance(seconds=1)
    assert ring.signer == "key-2"
    assert ring.states == [KeyState.RETIRING, KeyState.SIGNING]


def test_old_key_stays_published_until_its_last_token_is_over(ring: Ring) -> None:
    ring.rotate()
    ring.clock.advance(minutes=10)
    ring.clock.advance(minutes=10, seconds=59)
    assert ring.published == ["key-2", "key-1"]
    ring.clock.advance(seconds=1)
    assert ring.published == ["key-2"]
    assert ring.states == [KeyState.RETIRED, KeyState.SIGNING]


def test_late_schedule_still_publishes_ahead(ring: Ring) -> None:
    ring.clock.advance(days=45)
    ring.tend()
    ring.clock.advance(minutes=9)
    assert ring.signer == "key-1"
    ring.clock.advance(minutes=1)
    assert ring.signer == "key-2"


def test_tending_twice_publishes_once(ring: Ring) -> None:
    ring.clock.advance(days=30)
    assert ring.tend() is not None
    assert ring.tend() is None


def test_rotation_under_way_is_not_begun_again(ring: Ring) -> None:
    ring.rotate()
    with pytest.raises(RotationPendingError):
        ring.rotate()
    ring.clock.advance(minutes=10)
    assert ring.rotate() is not None


def test_replacement_signs_at_once_and_retires_every_other_key(ring: Ring) -> None:
    ring.rotate()
    ring.replace()
    assert (ring.signer, ring.published) == ("key-3", ["key-3"])
    ring.clock.advance(hours=1)
    assert (ring.signer, ring.published) == ("key-3", ["key-3"])


def test_keys_follow_each_other_without_a_gap_for_a_year(ring: Ring) -> None:
    seen: list[str] = []
    for _ in range(365 * 24):
        ring.clock.advance(hours=1)
        ring.tend()
        seen += [] if seen and seen[-1] == ring.signer else [ring.signer]
        assert ring.signer in ring.published
    assert seen == [f"key-{number}" for number in range(1, 14)]


def test_private_half_is_destroyed_after_retirement(ring: Ring) -> None:
    ring.rotate()
    ring.clock.advance(minutes=21)
    assert [key.kid for key in ring.all.destroy_retired(ring.clock.now())] == ["key-1"]
    assert [key.sealed_private for key in ring.keys] == [None, b"sealed"]
    assert ring.all.destroy_retired(ring.clock.now()) == []


def test_lost_successor_is_replaced(ring: Ring) -> None:
    ring.rotate()
    ring.clock.advance(minutes=30)
    ring.keys = ring.keys[:1]
    ring.tend()
    assert ring.signer == "key-3"
