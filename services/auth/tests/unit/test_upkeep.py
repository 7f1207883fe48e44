import pytest

from auth.domain.accounts import Account
from auth.domain.clients import ClientEntry, Grant
from auth.domain.families import FamilyLife, RefreshFamily
from auth.domain.guessing import Track
from auth.domain.retention import Retention
from auth.domain.rotation import KeyService
from auth.domain.signing_keys import KeySchedule
from auth.workers.upkeep import Upkeep
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits, KeyMaker

pytestmark = pytest.mark.anyio

CUSTOMERS = ClientEntry("customers", frozenset({Grant.CLIENT_CREDENTIALS}), {})


@pytest.fixture
def upkeep(units: FakeUnits, clock: FakeClock) -> Upkeep:
    keys = KeyService(units, clock, KeySchedule(), KeyMaker())
    return Upkeep(units, keys, clock, [CUSTOMERS], {"customers": ["s" * 43]})


async def test_keys_are_kept_going(upkeep: Upkeep, units: FakeUnits, clock: FakeClock) -> None:
    assert await upkeep.rotate_keys()
    assert not await upkeep.rotate_keys()
    clock.advance(days=30)
    assert await upkeep.rotate_keys()
    assert set(units.uow.signing_keys.rows) == {"key-1", "key-2"}


async def test_clients_are_applied_with_their_secrets(upkeep: Upkeep, units: FakeUnits) -> None:
    assert (await upkeep.apply_clients()).anything
    assert not (await upkeep.apply_clients()).anything
    assert units.uow.clients.rows["customers"].proves("s" * 43)


async def test_rows_go_when_their_time_is_over(
    upkeep: Upkeep, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    family = RefreshFamily(account_id=ada.id, client_id="cli", scopes=frozenset(), now=clock.now(), life=FamilyLife())
    units.uow.families.add(family)
    clock.advance(days=14 + 29)
    await upkeep.keep_retention()
    assert units.uow.families.rows
    clock.advance(days=1, seconds=1)
    await upkeep.keep_retention()
    assert not units.uow.families.rows


async def test_known_addresses_outlive_failures(units: FakeUnits, clock: FakeClock) -> None:
    failed, known = Track("failed"), Track("known")
    failed.last_failed_at = known.last_failed_at = known.succeeded_at = clock.now()
    units.uow.tracks.rows.update(failed=failed, known=known)
    clock.advance(days=2)
    await Retention(units.uow, clock).keep()
    assert set(units.uow.tracks.rows) == {"known"}
    clock.advance(days=28, seconds=1)
    await Retention(units.uow, clock).keep()
    assert not units.uow.tracks.rows
