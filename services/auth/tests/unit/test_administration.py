from collections.abc import Callable
from uuid import uuid4

import pytest

from auth.domain.accounts import Account, AccountNotFoundError, AccountStatus
from auth.domain.administration import AccountService
from auth.domain.api_keys import ApiKey, new_secret
from auth.domain.callers import Caller
from auth.domain.families import FamilyLife, RefreshFamily
from auth.domain.resets import PasswordReset
from auth.domain.roles import Role
from chassis.errors import PreconditionFailedError
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits

pytestmark = pytest.mark.anyio

ADMIN = Caller(subject=str(uuid4()), address="203.0.113.9", roles=frozenset({Role.ADMIN}))


@pytest.fixture
def accounts(units: FakeUnits, clock: FakeClock) -> AccountService:
    return AccountService(units.uow, clock)


@pytest.fixture
def belongings(units: FakeUnits, ada: Account, clock: FakeClock) -> tuple[RefreshFamily, ApiKey, PasswordReset]:
    now = clock.now()
    family = RefreshFamily(account_id=ada.id, client_id="cli", scopes=frozenset(), now=now, life=FamilyLife())
    key = ApiKey(account_id=ada.id, name="CI", secret=new_secret(), scopes=frozenset(), now=now, expires_at=None)
    reset = PasswordReset(account_id=ada.id, now=now)
    units.uow.families.add(family)
    units.uow.api_keys.add(key)
    units.uow.resets.add(reset)
    return family, key, reset


def accept(_: int) -> None:
    """Every version is the one that was seen."""


async def test_closure_ends_everything_that_opens_something(
    accounts: AccountService, ada: Account, belongings: tuple[RefreshFamily, ApiKey, PasswordReset], clock: FakeClock
) -> None:
    await accounts.close(ada.id, Caller(subject=str(ada.id)))
    family, key, reset = belongings
    assert ada.status is AccountStatus.CLOSED
    assert not family.alive(clock.now())
    assert not key.usable(clock.now())
    assert reset.used_at == clock.now()


async def test_closed_account_is_nobodys_to_change(accounts: AccountService, ada: Account) -> None:
    await accounts.close(ada.id, Caller(subject=str(ada.id)))
    acts: list[Callable[[], object]] = [
        lambda: accounts.suspend(ada.id, "late", ADMIN),
        lambda: accounts.close(ada.id, ADMIN),
        lambda: accounts.assign_roles(ada.id, [Role.STAFF], ADMIN, check=accept),
    ]
    for act in acts:
        with pytest.raises(AccountNotFoundError):
            await act()  # type: ignore[misc]


async def test_suspension_ends_refreshing_and_keeps_keys(
    accounts: AccountService, ada: Account, belongings: tuple[RefreshFamily, ApiKey, PasswordReset], clock: FakeClock
) -> None:
    await accounts.suspend(ada.id, "fraud", ADMIN)
    family, key, _ = belongings
    assert family.end_reason == "account-suspended"
    assert key.usable(clock.now())


async def test_every_act_is_in_the_trail(accounts: AccountService, ada: Account, units: FakeUnits) -> None:
    await accounts.suspend(ada.id, "fraud", ADMIN)
    await accounts.reinstate(ada.id, ADMIN)
    await accounts.assign_roles(ada.id, [Role.CUSTOMER, Role.STAFF], ADMIN, check=accept)
    entries = list(units.uow.audit.rows.values())
    assert [each.action for each in entries] == ["account-suspended", "account-reinstated", "roles-changed"]
    assert {(each.actor, each.address, each.account_id) for each in entries} == {(ADMIN.subject, ADMIN.address, ada.id)}
    assert entries[-1].details == {"before": "customer", "after": "customer staff"}


async def test_roles_are_changed_in_the_version_that_was_seen(accounts: AccountService, ada: Account) -> None:
    def check(version: int) -> None:
        if version != 7:
            raise PreconditionFailedError

    with pytest.raises(PreconditionFailedError):
        await accounts.assign_roles(ada.id, [Role.STAFF], ADMIN, check=check)
    assert ada.roles == {Role.CUSTOMER}


async def test_first_admin_is_made_from_nothing(accounts: AccountService, units: FakeUnits) -> None:
    assert await accounts.appoint_admin("root@example.com", "Root", "hash")
    made = await units.uow.accounts.find_by_email("root@example.com")
    assert made is not None
    assert made.roles == {Role.CUSTOMER, Role.ADMIN}


async def test_known_account_becomes_an_admins_and_keeps_its_password(accounts: AccountService, ada: Account) -> None:
    before = ada.password_hash
    assert not await accounts.appoint_admin("ada@example.com", "Root", "hash")
    assert ada.roles == {Role.CUSTOMER, Role.ADMIN}
    assert (ada.name, ada.password_hash) == ("Ada", before)
