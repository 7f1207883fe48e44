from datetime import timedelta
from uuid import uuid4

import pytest

from auth import events
from auth.domain import events as facts
from auth.domain.accounts import Account
from auth.domain.roles import Role
from chassis.events import EventData
from chassis.manifest import read, service_dir
from chassis.testing import FakeClock


def test_service_tells_what_its_manifest_says() -> None:
    manifest = read(service_dir("auth") / "service.yaml")
    assert sorted(each.name for each in events.PUBLISHED) == sorted(manifest.tells)


def test_registration_tells_address_and_name(clock: FakeClock) -> None:
    account = Account.register(email="ada@example.com", name="Ada", password_hash="secret", now=clock.now())
    message = events.publish(account.events[0])
    assert (message.subject, message.sequence) == (str(account.id), 1)
    assert message.data.model_dump(mode="json") == {
        "account_id": str(account.id),
        "email": "ada@example.com",
        "name": "Ada",
        "registered_at": "2030-01-01T12:00:00Z",
    }


def every_fact(clock: FakeClock) -> list[facts.AccountEvent]:
    now, account_id = clock.now(), uuid4()
    return [
        facts.AccountRegistered(account_id, now, 1, "ada@example.com", "Ada"),
        facts.RegistrationRepeated(account_id, now, 2),
        facts.AccountSuspended(account_id, now, 3, "fraud"),
        facts.AccountReinstated(account_id, now, 4),
        facts.RolesChanged(account_id, now, 5, (Role.CUSTOMER, Role.STAFF)),
        facts.PasswordChanged(account_id, now, 6),
        facts.PasswordResetRequested(account_id, now, 7, uuid4(), now + timedelta(hours=1)),
        facts.AccountClosed(account_id, now, 8),
    ]


def test_every_fact_is_told_about_its_account(clock: FakeClock) -> None:
    for number, fact in enumerate(every_fact(clock), start=1):
        message = events.publish(fact)
        assert (message.subject, message.sequence) == (str(fact.account_id), number)
    assert {type(events.publish(fact).data) for fact in every_fact(clock)} == set(events.PUBLISHED)


@pytest.mark.parametrize("event", events.PUBLISHED, ids=lambda event: event.name)
def test_no_event_carries_a_secret(event: type[EventData]) -> None:
    names = set(event.model_json_schema()["properties"])
    assert not {name for name in names if any(word in name for word in ("password", "token", "secret", "hash"))}
