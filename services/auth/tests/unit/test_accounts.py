from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from auth.domain.accounts import (
    Account,
    AccountNotSuspendedError,
    AccountStatus,
    AccountSuspendedError,
    AdminClosureError,
    LastRoleError,
    OutOfReachError,
)
from auth.domain.callers import COMMAND, Caller
from auth.domain.events import (
    AccountClosed,
    AccountRegistered,
    AccountReinstated,
    AccountSuspended,
    PasswordChanged,
    PasswordResetRequested,
    RegistrationRepeated,
    RolesChanged,
)
from auth.domain.roles import Role
from chassis.testing import FakeClock

STAFF = Caller(subject=str(uuid4()), roles=frozenset({Role.CUSTOMER, Role.STAFF}))
ADMIN = Caller(subject=str(uuid4()), roles=frozenset({Role.ADMIN}))


def register(clock: FakeClock, *roles: Role) -> Account:
    return Account.register(
        email="ada@example.com", name="Ada", password_hash="hash", now=clock.now(), roles=roles or (Role.CUSTOMER,)
    )


def test_new_account_is_an_active_customer_and_tells_so(clock: FakeClock) -> None:
    account = register(clock)
    assert (account.active, account.roles, account.version) == (True, frozenset({Role.CUSTOMER}), 1)
    assert account.events == [AccountRegistered(account.id, clock.now(), 1, "ada@example.com", "Ada")]


def test_repeated_registration_is_noticed_once_an_hour(clock: FakeClock) -> None:
    account = register(clock)
    assert account.note_repeated_registration(clock.now())
    clock.advance(minutes=59)
    assert not account.note_repeated_registration(clock.now())
    clock.advance(minutes=1)
    assert account.note_repeated_registration(clock.now())
    assert [type(each) for each in account.events[1:]] == [RegistrationRepeated, RegistrationRepeated]


def test_changed_password_is_told_with_the_next_version(clock: FakeClock) -> None:
    account = register(clock)
    clock.advance(days=1)
    account.change_password("other", clock.now())
    assert account.events[-1] == PasswordChanged(account.id, clock.now(), 2)
    assert (account.password_hash, account.password_changed_at, account.version) == ("other", clock.now(), 2)


def test_suspended_account_keeps_its_password(clock: FakeClock) -> None:
    account = register(clock)
    account.suspend("fraud", STAFF, clock.now())
    with pytest.raises(AccountSuspendedError):
        account.change_password("other", clock.now())
    account.reinstate(STAFF, clock.now())
    account.change_password("other", clock.now())
    assert account.password_hash == "other"


def test_rehashed_password_changes_nothing_that_can_be_seen(clock: FakeClock) -> None:
    account = register(clock)
    account.rehash_password("stronger")
    assert (account.password_hash, account.version, len(account.events)) == ("stronger", 1, 1)


def test_reset_request_tells_its_id_and_no_secret(clock: FakeClock) -> None:
    account, reset_id, end = register(clock), uuid4(), clock.now() + timedelta(hours=1)
    account.request_password_reset(reset_id, end, clock.now())
    assert account.events[-1] == PasswordResetRequested(account.id, clock.now(), 2, reset_id, end)


def test_staff_suspend_and_reinstate_customers(clock: FakeClock) -> None:
    account = register(clock)
    account.suspend("fraud", STAFF, clock.now())
    assert (account.status, account.suspension_reason, account.active) == (AccountStatus.SUSPENDED, "fraud", False)
    account.reinstate(STAFF, clock.now())
    assert (account.status, account.suspension_reason, account.active) == (AccountStatus.ACTIVE, None, True)
    assert account.events[1:] == [
        AccountSuspended(account.id, clock.now(), 2, "fraud"),
        AccountReinstated(account.id, clock.now(), 3),
    ]


def test_repeated_suspension_is_told_once(clock: FakeClock) -> None:
    account = register(clock)
    account.suspend("fraud", STAFF, clock.now())
    account.suspend("fraud", STAFF, clock.now())
    assert account.version == 2
    account.suspend("worse", STAFF, clock.now())
    assert (account.version, account.suspension_reason) == (3, "worse")


def test_only_a_suspended_account_can_be_reinstated(clock: FakeClock) -> None:
    with pytest.raises(AccountNotSuspendedError):
        register(clock).reinstate(STAFF, clock.now())


@pytest.mark.parametrize("role", [Role.STAFF, Role.ADMIN])
def test_only_an_admin_suspends_and_reinstates_staff(role: Role, clock: FakeClock) -> None:
    account = register(clock, Role.CUSTOMER, role)
    with pytest.raises(OutOfReachError):
        account.suspend("fraud", STAFF, clock.now())
    account.suspend("fraud", ADMIN, clock.now())
    with pytest.raises(OutOfReachError):
        account.reinstate(STAFF, clock.now())
    account.reinstate(ADMIN, clock.now())
    assert account.active


@pytest.mark.parametrize("act", [lambda account, by, now: account.suspend("?", by, now), Account.reinstate])
def test_nobody_suspends_or_reinstates_themselves(act: Callable[..., None], clock: FakeClock) -> None:
    account = register(clock, Role.ADMIN)
    with pytest.raises(OutOfReachError):
        act(account, Caller(subject=str(account.id), roles=account.roles), clock.now())


def test_admin_gives_roles(clock: FakeClock) -> None:
    account = register(clock)
    account.assign_roles([Role.STAFF, Role.CUSTOMER], ADMIN, clock.now())
    assert account.roles == {Role.STAFF, Role.CUSTOMER}
    assert account.events[-1] == RolesChanged(account.id, clock.now(), 2, ("customer", "staff"))


def test_same_roles_are_no_change(clock: FakeClock) -> None:
    account = register(clock)
    account.assign_roles([Role.CUSTOMER], ADMIN, clock.now())
    assert (account.version, len(account.events)) == (1, 1)


def test_staff_give_no_roles(clock: FakeClock) -> None:
    with pytest.raises(OutOfReachError):
        register(clock).assign_roles([Role.CUSTOMER, Role.STAFF], STAFF, clock.now())


def test_account_keeps_at_least_one_role(clock: FakeClock) -> None:
    with pytest.raises(LastRoleError):
        register(clock).assign_roles([], ADMIN, clock.now())


def test_admin_cannot_give_up_the_role_alone(clock: FakeClock) -> None:
    account = register(clock, Role.ADMIN)
    oneself = Caller(subject=str(account.id), roles=account.roles)
    with pytest.raises(OutOfReachError):
        account.assign_roles([Role.CUSTOMER], oneself, clock.now())
    account.assign_roles([Role.CUSTOMER], ADMIN, clock.now())
    assert account.roles == {Role.CUSTOMER}


def test_command_may_appoint_an_admin(clock: FakeClock) -> None:
    account = register(clock)
    account.assign_roles([Role.CUSTOMER, Role.ADMIN], COMMAND, clock.now())
    assert Role.ADMIN in account.roles


def test_closed_account_forgets_its_owner(clock: FakeClock) -> None:
    account = register(clock)
    account.suspend("fraud by Ada", STAFF, clock.now())
    account.close(clock.now())
    left = (account.email, account.name, account.password_hash, account.suspension_reason)
    assert left == (None, "", "", None)
    assert account.events[-1] == AccountClosed(account.id, clock.now(), 3)
    assert isinstance(account.id, UUID)


def test_admin_account_cannot_be_closed(clock: FakeClock) -> None:
    account = register(clock, Role.CUSTOMER, Role.ADMIN)
    with pytest.raises(AdminClosureError):
        account.close(clock.now())
    account.assign_roles([Role.CUSTOMER], ADMIN, clock.now())
    account.close(clock.now())
    assert account.status is AccountStatus.CLOSED
