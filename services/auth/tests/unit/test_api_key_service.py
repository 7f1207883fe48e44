from datetime import timedelta
from uuid import uuid4

import pytest

from auth.domain.accounts import Account, AccountSuspendedError
from auth.domain.api_key_service import ApiKeyService
from auth.domain.api_keys import (
    MOST_KEYS,
    ApiKeyNotFoundError,
    ExpiryPassedError,
    ScopeNotGrantableError,
    TooManyApiKeysError,
    digest,
)
from auth.domain.callers import Caller
from auth.domain.roles import ScopeRegistry
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits

pytestmark = pytest.mark.anyio


@pytest.fixture
def api_keys(units: FakeUnits, clock: FakeClock, registry: ScopeRegistry) -> ApiKeyService:
    return ApiKeyService(units.uow, clock, registry)


@pytest.fixture
def caller(ada: Account) -> Caller:
    return Caller(str(ada.id), scopes=frozenset({"keys:own", "orders:own", "accounts:manage"}))


async def test_new_key_shows_its_secret_once(
    api_keys: ApiKeyService, ada: Account, caller: Caller, units: FakeUnits
) -> None:
    made = await api_keys.make(ada.id, "CI", ["orders:own"], None, caller)
    assert made.secret is not None
    assert units.uow.api_keys.rows[made.id].secret_hash == digest(made.secret)
    assert (await api_keys.show(ada.id, made.id)).secret is None


async def test_trail_names_the_key_and_not_its_secret(
    api_keys: ApiKeyService, ada: Account, caller: Caller, units: FakeUnits
) -> None:
    made = await api_keys.make(ada.id, "CI", ["orders:own"], None, caller)
    await api_keys.revoke(ada.id, made.id, caller)
    await api_keys.revoke(ada.id, made.id, caller)
    entries = list(units.uow.audit.rows.values())
    assert [each.action for each in entries] == ["api-key-made", "api-key-revoked"]
    assert str(made.secret) not in repr(entries)


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("accounts:own", "the token that was shown does not have it"),
        ("accounts:manage", "the roles do not give it, whatever the token says"),
        ("keys:own", "no key can have it"),
        ("nothing:own", "there is no such scope"),
    ],
)
async def test_key_gets_what_its_maker_has_at_this_moment(
    api_keys: ApiKeyService, ada: Account, caller: Caller, scope: str, why: str
) -> None:
    with pytest.raises(ScopeNotGrantableError):
        await api_keys.make(ada.id, "CI", ["orders:own", scope], None, caller)
    await api_keys.make(ada.id, "CI", ["orders:own"], None, caller)


async def test_key_expires_in_the_future(
    api_keys: ApiKeyService, ada: Account, caller: Caller, clock: FakeClock
) -> None:
    with pytest.raises(ExpiryPassedError):
        await api_keys.make(ada.id, "CI", ["orders:own"], clock.now(), caller)
    made = await api_keys.make(ada.id, "CI", ["orders:own"], clock.now() + timedelta(seconds=1), caller)
    assert made.key.usable(clock.now())


async def test_account_has_a_bounded_number_of_usable_keys(
    api_keys: ApiKeyService, ada: Account, caller: Caller
) -> None:
    made = [await api_keys.make(ada.id, f"{number}", ["orders:own"], None, caller) for number in range(MOST_KEYS)]
    with pytest.raises(TooManyApiKeysError):
        await api_keys.make(ada.id, "one more", ["orders:own"], None, caller)
    await api_keys.revoke(ada.id, made[0].id, caller)
    await api_keys.make(ada.id, "one more", ["orders:own"], None, caller)


async def test_suspended_owner_makes_no_keys(
    api_keys: ApiKeyService, ada: Account, caller: Caller, clock: FakeClock
) -> None:
    ada.suspend("fraud", Caller(subject="staff"), clock.now())
    with pytest.raises(AccountSuspendedError):
        await api_keys.make(ada.id, "CI", ["orders:own"], None, caller)


async def test_anothers_key_is_not_found(api_keys: ApiKeyService, ada: Account, caller: Caller) -> None:
    made = await api_keys.make(ada.id, "CI", ["orders:own"], None, caller)
    with pytest.raises(ApiKeyNotFoundError):
        await api_keys.show(uuid4(), made.id)
    with pytest.raises(ApiKeyNotFoundError):
        await api_keys.revoke(uuid4(), made.id, caller)
    assert (await api_keys.show(ada.id, made.id)).key.revoked_at is None
