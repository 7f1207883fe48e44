import pytest

from auth.domain.accounts import Account
from auth.domain.callers import Caller
from auth.domain.guessing import Pace, Paces, TooManyGuessesError, address_subject
from auth.domain.signing_in import PasswordCheck
from chassis.errors import UnavailableError
from chassis.testing import FakeClock
from services.auth.tests.fakes import PASSWORD, FakeHasher, FakeUnits

pytestmark = pytest.mark.anyio

CALLER = Caller(address="203.0.113.9")
EMAIL = "ada@example.com"


@pytest.fixture
def hasher() -> FakeHasher:
    return FakeHasher()


@pytest.fixture
def check(units: FakeUnits, hasher: FakeHasher, clock: FakeClock) -> PasswordCheck:
    return PasswordCheck(units, hasher, clock, Paces(account=Pace(free=3), address=Pace(free=20)))


async def test_right_password_finds_its_account(check: PasswordCheck, units: FakeUnits, ada: Account) -> None:
    assert await check(" Ada@Example.com ", PASSWORD, CALLER) == ada.id
    assert units.uow.audit.actions == ["password-accepted"]


async def test_wrong_password_finds_nothing(check: PasswordCheck, units: FakeUnits, ada: Account) -> None:
    assert await check(EMAIL, "wrong horse battery", CALLER) is None
    assert units.uow.audit.actions == ["password-refused"]


async def test_unknown_address_costs_the_same_as_a_wrong_password(
    check: PasswordCheck, units: FakeUnits, hasher: FakeHasher, ada: Account
) -> None:
    costs = []
    for email in (EMAIL, "nobody@example.com"):
        before = (hasher.hashes, units.opened, len(units.uow.audit.rows))
        assert await check(email, "wrong horse battery", CALLER) is None
        after = (hasher.hashes, units.opened, len(units.uow.audit.rows))
        costs.append([now - then for now, then in zip(after, before, strict=True)])
    assert costs[0] == costs[1] == [1, 2, 1]


async def test_overlong_password_is_wrong_and_costs_the_same(
    check: PasswordCheck, hasher: FakeHasher, ada: Account
) -> None:
    assert await check(EMAIL, PASSWORD * 100, CALLER) is None
    assert hasher.hashes == 1


async def test_hash_with_old_parameters_is_replaced(check: PasswordCheck, units: FakeUnits, ada: Account) -> None:
    ada.rehash_password(f"old:{PASSWORD}")
    await check(EMAIL, PASSWORD, CALLER)
    assert units.uow.accounts.rows[ada.id].password_hash == f"new:{PASSWORD}"
    assert units.uow.accounts.rows[ada.id].version == 1


async def test_too_many_wrong_passwords_stop_being_checked(
    check: PasswordCheck, hasher: FakeHasher, ada: Account, clock: FakeClock
) -> None:
    for _ in range(4):
        await check(EMAIL, "wrong horse battery", CALLER)
    with pytest.raises(TooManyGuessesError):
        await check(EMAIL, PASSWORD, CALLER)
    assert hasher.hashes == 4
    clock.advance(seconds=1)
    assert await check(EMAIL, PASSWORD, CALLER) == ada.id


async def test_guesses_at_nobody_are_slowed_down_like_others(check: PasswordCheck) -> None:
    for _ in range(4):
        await check("nobody@example.com", "wrong horse battery", CALLER)
    with pytest.raises(TooManyGuessesError):
        await check("nobody@example.com", "wrong horse battery", CALLER)


async def test_password_that_was_never_checked_does_not_count(
    check: PasswordCheck, units: FakeUnits, hasher: FakeHasher, ada: Account
) -> None:
    hasher.failure = UnavailableError()
    for _ in range(10):
        with pytest.raises(UnavailableError):
            await check(EMAIL, PASSWORD, CALLER)
    assert units.uow.tracks.rows[address_subject(CALLER.address)].failures == 0
    hasher.failure = None
    assert await check(EMAIL, PASSWORD, CALLER) == ada.id
