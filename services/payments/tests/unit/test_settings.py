"""Which provider may be asked where."""

from typing import Any

import pytest
from pydantic import ValidationError

from chassis import settings
from payments.main import Settings

EXAMPLE = settings.example(Settings).model_dump()


def made(environment: str, **provider: Any) -> Settings:
    secrets = {"api_key": "a-key-of-the-provider", "webhook_secret": "a-secret-of-webhooks"}
    given = {**EXAMPLE, "environment": environment, "provider": {**secrets, **provider}}
    given["database"] = {"url": "postgresql+asyncpg://payments:secret@127.0.0.1:5432/payments"}
    return Settings.model_validate(given)


def test_sandbox_is_refused_outside_development() -> None:
    with pytest.raises(ValidationError, match="must not be the sandbox"):
        made("production", name="sandbox")
    made("development", name="sandbox")
    made("production", name="acme-pay", url="https://acme-pay.example")


def test_sandbox_is_a_peer_and_another_provider_has_an_address() -> None:
    assert made("development", name="sandbox").provider_url == "http://sandbox"
    assert made("development", name="sandbox", url="http://elsewhere").provider_url == "http://elsewhere"
    with pytest.raises(ValidationError, match="PROVIDER__URL"):
        made("production", name="acme-pay")


@pytest.mark.parametrize("wrong", [{"api_key": "short"}, {"webhook_secret": "short"}, {"timeout_seconds": 5}])
def test_secrets_are_long_and_calls_shorter_than_a_lease(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        made("development", **{"name": "sandbox", **wrong})
    made("development", name="sandbox")
