import pytest

from auth.domain.rotation import KeyService
from auth.domain.signing_keys import KeySchedule, RotationPendingError
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits, KeyMaker

pytestmark = pytest.mark.anyio


@pytest.fixture
def keys(units: FakeUnits, clock: FakeClock) -> KeyService:
    return KeyService(units, clock, KeySchedule(), KeyMaker())


async def test_tending_makes_the_first_key_once(keys: KeyService, units: FakeUnits) -> None:
    assert await keys.tend() is not None
    assert await keys.tend() is None
    assert units.uow.audit.actions == ["signing-key-published"]


async def test_tending_publishes_the_next_and_destroys_the_old(
    keys: KeyService, units: FakeUnits, clock: FakeClock
) -> None:
    await keys.tend()
    clock.advance(days=30)
    made = await keys.tend()
    assert made is not None
    assert made.kid == "key-2"
    clock.advance(minutes=21)
    await keys.tend()
    assert {key.kid: key.sealed_private for key in await keys.list()} == {"key-1": None, "key-2": b"sealed"}
    assert units.uow.audit.actions[-1] == "signing-key-destroyed"


async def test_command_begins_a_rotation_once(keys: KeyService, clock: FakeClock) -> None:
    await keys.tend()
    await keys.rotate(at_once=False)
    with pytest.raises(RotationPendingError):
        await keys.rotate(at_once=False)
    assert (await keys.rotate(at_once=True)).signs_from == clock.now()


async def test_keys_are_listed_oldest_first(keys: KeyService, clock: FakeClock) -> None:
    await keys.tend()
    for _ in range(2):
        clock.advance(days=1)
        await keys.rotate(at_once=False)
    assert [key.kid for key in await keys.list()] == ["key-1", "key-2", "key-3"]
