"""What every kind of test of this service begins with."""

import pytest

from auth.domain.accounts import Account
from auth.domain.roles import Role, ScopeRegistry
from chassis.testing import FakeClock
from services.auth.tests.fakes import PASSWORD, FakeUnits


@pytest.fixture(scope="session")
def service_name() -> str:
    return "auth"


@pytest.fixture
def units() -> FakeUnits:
    return FakeUnits()


@pytest.fixture
def fake_units() -> FakeUnits:
    return FakeUnits()


@pytest.fixture
def registry() -> ScopeRegistry:
    everybody = frozenset(Role)
    return ScopeRegistry(
        {
            "accounts:own": everybody,
            "keys:own": everybody,
            "orders:own": everybody,
            "accounts:manage": frozenset({Role.STAFF, Role.ADMIN}),
            "roles:manage": frozenset({Role.ADMIN}),
        }
    )


@pytest.fixture
def ada(units: FakeUnits, clock: FakeClock) -> Account:
    """An account whose password is ``PASSWORD``."""
    account = Account.register(email="ada@example.com", name="Ada", password_hash=f"new:{PASSWORD}", now=clock.now())
    account.events.clear()
    units.uow.accounts.add(account)
    return account
