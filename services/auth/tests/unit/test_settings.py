import base64
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from auth.settings import Settings
from chassis.settings import example

KEY = base64.b64encode(bytes(32)).decode()


def settings(**given: Any) -> Settings:
    document = {**example(Settings).model_dump(), **given}
    return Settings.model_validate(document)


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(bytes(31)).decode(), "not base64 " * 4])
def test_encryption_key_is_32_bytes(key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(keys={"encryption_key": key})
    assert "32 bytes of base64" in str(refused.value)
    assert settings(keys={"encryption_key": KEY}).keys.secrets() == [bytes(32)]


def test_both_spellings_of_base64_are_read() -> None:
    raw = bytes([255] * 32)
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert settings(keys={"encryption_key": text}).keys.secrets() == [raw]


def test_previous_keys_come_after_the_current_one() -> None:
    other = base64.b64encode(bytes(range(32))).decode()
    chosen = settings(keys={"encryption_key": KEY, "previous_encryption_keys": [other]})
    assert chosen.keys.secrets() == [bytes(32), bytes(range(32))]


def test_readable_mailbox_is_for_development_only() -> None:
    assert settings(mail={"mode": "development"}).mail.mode == "development"
    with pytest.raises(ValidationError):
        settings(mail={"mode": "development"}, environment="production")
    assert settings(environment="production").mail.mode == "events"


def test_cheap_hashes_are_for_development_only() -> None:
    assert settings(passwords={"effort": "least"}).passwords.effort == "least"
    with pytest.raises(ValidationError):
        settings(passwords={"effort": "least"}, environment="production")
    assert settings(environment="production").passwords.effort == "owasp"


def test_password_grant_is_off_unless_switched_on() -> None:
    assert not settings().password_grant


def test_clients_are_named_as_in_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTS__ORDER_DESK", "first,second")
    monkeypatch.setenv("CLIENTS__GATEWAY", "third")
    chosen = Settings(**example(Settings).model_dump(exclude={"clients"}))
    assert chosen.client_secrets() == {"order-desk": ["first", "second"], "gateway": ["third"]}


def test_guessing_settings_become_paces() -> None:
    paces = settings(guessing={"account_free": 2, "longest_pause_seconds": 60}).guessing.paces()
    assert (paces.account.free, paces.address.free) == (2, 100)
    assert paces.account.longest == paces.address.longest == timedelta(minutes=1)
