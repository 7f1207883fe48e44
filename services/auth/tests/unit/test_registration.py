import pytest

from auth.domain.accounts import Account
from auth.domain.callers import Caller
from auth.domain.events import AccountRegistered, RegistrationRepeated
from auth.domain.registration import RegistrationService
from chassis.testing import FakeClock
from services.auth.tests.fakes import FakeUnits

pytestmark = pytest.mark.anyio

CALLER = Caller(address="203.0.113.9")


@pytest.fixture
def registrations(units: FakeUnits, clock: FakeClock) -> RegistrationService:
    return RegistrationService(units.uow, clock)


async def test_unknown_address_gets_an_account_and_a_welcome(
    registrations: RegistrationService, units: FakeUnits
) -> None:
    answer = await registrations.register("bob@example.com", "Bob", "hash", CALLER)
    made = await units.uow.accounts.find_by_email("bob@example.com")
    assert made is not None
    assert [type(event) for event in made.events] == [AccountRegistered]
    assert [mail.to for mail in units.uow.mails.posted] == [answer.email]
    assert units.uow.audit.actions == ["account-registered"]


async def test_known_address_keeps_its_account_and_its_owner_is_told(
    registrations: RegistrationService, units: FakeUnits, ada: Account
) -> None:
    before = (ada.name, ada.password_hash)
    answer = await registrations.register("ada@example.com", "Mallory", "other", CALLER)
    assert answer.email == "ada@example.com"
    assert answer.id != ada.id
    assert (ada.name, ada.password_hash) == before
    assert [type(event) for event in ada.events] == [RegistrationRepeated]
    assert [mail.subject for mail in units.uow.mails.posted] == ["You have a Tradewind account already"]


async def test_owner_is_not_flooded_with_mails(
    registrations: RegistrationService, units: FakeUnits, ada: Account, clock: FakeClock
) -> None:
    for _ in range(5):
        await registrations.register("ada@example.com", "Mallory", "other", CALLER)
    assert len(units.uow.mails.posted) == 1
    clock.advance(hours=1)
    await registrations.register("ada@example.com", "Mallory", "other", CALLER)
    assert len(units.uow.mails.posted) == 2
    assert units.uow.audit.actions == ["registration-repeated"] * 6
