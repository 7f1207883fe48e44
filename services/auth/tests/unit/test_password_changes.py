from datetime import timedelta

import pytest

from auth.domain.accounts import Account
from auth.domain.callers import Caller
from auth.domain.derived_tokens import DerivedTokens
from auth.domain.events import PasswordChanged, PasswordResetRequested
from auth.domain.families import FamilyLife, RefreshFamily
from auth.domain.guessing import Guard, Pace, Paces
from auth.domain.password_changes import PasswordService, WrongPasswordError
from auth.domain.passwords import WeakPasswordError
from auth.domain.resets import ResetTokenError
from auth.domain.signing_in import PasswordCheck
from chassis.testing import FakeClock
from services.auth.tests.fakes import PASSWORD, FakeHasher, FakeUnits

pytestmark = pytest.mark.anyio

NEW = "a much longer password"
EMAIL = "ada@example.com"
CALLER = Caller(address="203.0.113.9")
PACES = Paces(account=Pace(free=3), address=Pace(free=20))


@pytest.fixture
def hasher() -> FakeHasher:
    return FakeHasher()


@pytest.fixture
def passwords(units: FakeUnits, hasher: FakeHasher, clock: FakeClock) -> PasswordService:
    tokens = DerivedTokens([bytes(32)], purpose="password reset", prefix="twp_")
    check = PasswordCheck(units, hasher, clock, PACES)
    return PasswordService(units, hasher, check, tokens, clock, PACES)


@pytest.fixture
def family(units: FakeUnits, ada: Account, clock: FakeClock) -> RefreshFamily:
    family = RefreshFamily(account_id=ada.id, client_id="cli", scopes=frozenset(), now=clock.now(), life=FamilyLife())
    units.uow.families.add(family)
    return family


def token_of(units: FakeUnits) -> str:
    return next(line for line in units.uow.mails.posted[-1].body.splitlines() if line.startswith("twp_"))


async def test_owner_replaces_the_password(
    passwords: PasswordService, units: FakeUnits, ada: Account, family: RefreshFamily
) -> None:
    await passwords.change(ada.id, PASSWORD, NEW, CALLER)
    assert ada.password_hash == f"new:{NEW}"
    assert [type(event) for event in ada.events] == [PasswordChanged]
    assert family.end_reason == "password-changed"
    assert units.uow.audit.actions == ["password-accepted", "password-changed"]


async def test_wrong_current_password_replaces_nothing(
    passwords: PasswordService, ada: Account, units: FakeUnits, family: RefreshFamily
) -> None:
    with pytest.raises(WrongPasswordError):
        await passwords.change(ada.id, "wrong horse battery", NEW, CALLER)
    assert ada.password_hash == f"new:{PASSWORD}"
    assert units.uow.families.rows[family.id].ended_at is None


async def test_weak_new_password_is_refused_before_anything_counts(
    passwords: PasswordService, hasher: FakeHasher, ada: Account
) -> None:
    with pytest.raises(WeakPasswordError):
        await passwords.change(ada.id, PASSWORD, EMAIL, CALLER)
    assert hasher.hashes == 0


async def test_reset_sends_its_secret_to_the_mailbox_only(
    passwords: PasswordService, units: FakeUnits, ada: Account
) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    token = token_of(units)
    (told,) = ada.events
    assert isinstance(told, PasswordResetRequested)
    stored = [*ada.events, *units.uow.audit.rows.values(), *map(vars, units.uow.resets.rows.values())]
    assert token not in repr(stored)


async def test_reset_of_an_unknown_address_leaves_the_same_rows_and_no_mail(
    passwords: PasswordService, units: FakeUnits, ada: Account
) -> None:
    traces = []
    for email in (EMAIL, "nobody@example.com"):
        before = (units.opened, len(units.uow.resets.rows), len(units.uow.audit.rows))
        await passwords.request_reset(email, CALLER)
        after = (units.opened, len(units.uow.resets.rows), len(units.uow.audit.rows))
        traces.append([now - then for now, then in zip(after, before, strict=True)])
    assert traces[0] == traces[1] == [1, 1, 1]
    assert [mail.to for mail in units.uow.mails.posted] == [EMAIL]


async def test_reset_replaces_the_password_once(
    passwords: PasswordService, units: FakeUnits, ada: Account, family: RefreshFamily
) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    token = token_of(units)
    await passwords.confirm_reset(token, NEW, CALLER)
    assert ada.password_hash == f"new:{NEW}"
    assert family.end_reason == "password-reset"
    with pytest.raises(ResetTokenError):
        await passwords.confirm_reset(token, "yet another password", CALLER)
    assert ada.password_hash == f"new:{NEW}"


async def test_used_reset_ends_the_others(passwords: PasswordService, units: FakeUnits, ada: Account) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    first = token_of(units)
    await passwords.request_reset(EMAIL, CALLER)
    await passwords.confirm_reset(token_of(units), NEW, CALLER)
    with pytest.raises(ResetTokenError):
        await passwords.confirm_reset(first, "yet another password", CALLER)


async def test_reset_is_too_late_after_an_hour(
    passwords: PasswordService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    clock.advance(hours=1)
    with pytest.raises(ResetTokenError):
        await passwords.confirm_reset(token_of(units), NEW, CALLER)


async def test_weak_password_does_not_use_the_reset_up(
    passwords: PasswordService, units: FakeUnits, ada: Account
) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    with pytest.raises(WeakPasswordError):
        await passwords.confirm_reset(token_of(units), EMAIL, CALLER)
    await passwords.confirm_reset(token_of(units), NEW, CALLER)
    assert ada.password_hash == f"new:{NEW}"


async def test_forged_token_costs_no_hash(passwords: PasswordService, hasher: FakeHasher, ada: Account) -> None:
    with pytest.raises(ResetTokenError):
        await passwords.confirm_reset("twp_" + "A" * 70, NEW, CALLER)
    assert hasher.hashes == 0


async def test_sixth_reset_within_an_hour_is_accepted_and_not_sent(
    passwords: PasswordService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    for _ in range(7):
        await passwords.request_reset(EMAIL, CALLER)
    assert len(units.uow.mails.posted) == 5
    clock.advance(hours=1, seconds=1)
    await passwords.request_reset(EMAIL, CALLER)
    assert len(units.uow.mails.posted) == 6


async def test_suspended_account_is_sent_nothing(
    passwords: PasswordService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    ada.suspend("fraud", Caller(subject="staff"), clock.now())
    await passwords.request_reset(EMAIL, CALLER)
    assert units.uow.mails.posted == []


async def test_account_that_was_closed_meanwhile_is_not_reset(
    passwords: PasswordService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    await passwords.request_reset(EMAIL, CALLER)
    token = token_of(units)
    ada.close(clock.now() + timedelta(minutes=1))
    with pytest.raises(ResetTokenError):
        await passwords.confirm_reset(token, NEW, CALLER)


async def test_reset_lets_an_owner_in_who_was_slowed_down(
    passwords: PasswordService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    guard = Guard(units.uow.tracks, clock, PACES)
    for number in range(4):
        await guard.charge(EMAIL, f"198.51.100.{number}")
    await passwords.request_reset(EMAIL, CALLER)
    await passwords.confirm_reset(token_of(units), NEW, CALLER)
    await guard.charge(EMAIL, CALLER.address)
