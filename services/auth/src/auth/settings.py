"""What can be set on auth from the environment."""

import base64
import binascii
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from auth.domain.guessing import Pace, Paces
from auth.domain.signing_keys import KeySchedule
from chassis.settings import (
    BrokerSettings,
    DatabaseSettings,
    Group,
    Networks,
    Seconds,
    ServiceSettings,
    TokenSettings,
)

_KEY_BYTES = 32
_TOKEN_LIFE = timedelta(minutes=11)
"""An access token's ten minutes, and what verifiers forgive."""


class KeySettings(Group):
    """The signing keys, and the key they are encrypted under.

    To replace the encryption key, put the new one first and the old one into ``previous_encryption_keys`` until every
    signing key and refresh token made under it is gone: ``rotation_days`` or 90 days, whichever is longer.
    """

    encryption_key: Annotated[SecretStr, Field(examples=["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="])]
    """32 random bytes as base64: ``openssl rand -base64 32``."""
    previous_encryption_keys: tuple[SecretStr, ...] = ()
    rotation_days: Annotated[float, Field(ge=1, le=365)] = 30
    publish_ahead_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600
    """How long a key is published before it signs: longer than any verifier keeps the JWKS, Envoy's 5 minutes too."""

    @field_validator("encryption_key", "previous_encryption_keys")
    @classmethod
    def _check(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        for each in value if isinstance(value, tuple) else [value]:
            _read_key(each.get_secret_value())
        return value

    def secrets(self) -> list[bytes]:
        """Return the keys as bytes, the current one first."""
        return [_read_key(each.get_secret_value()) for each in (self.encryption_key, *self.previous_encryption_keys)]

    def schedule(self) -> KeySchedule:
        """Return it as the domain takes it."""
        ahead = timedelta(seconds=self.publish_ahead_seconds)
        return KeySchedule(timedelta(days=self.rotation_days), ahead, _TOKEN_LIFE)


class PasswordSettings(Group):
    """How many passwords are hashed at once (19 MiB and a core for 20 ms each), and how many may wait.

    ``effort``: ``least`` protects nothing; it is for tests that register thousands, and refused in production.
    """

    effort: Literal["owasp", "least"] = "owasp"
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    most_waiting: Annotated[int, Field(ge=1, le=10_000)] = 200


class GuessingSettings(Group):
    """How many wrong passwords are free, and how the pauses grow after them."""

    account_free: Annotated[int, Field(ge=1, le=1000)] = 10
    address_free: Annotated[int, Field(ge=1, le=100_000)] = 100
    first_pause_seconds: Seconds = 1
    longest_pause_seconds: Seconds = 300
    forget_after_seconds: Seconds = 3600

    def paces(self) -> Paces:
        """Return it as the domain takes it."""
        first, longest = timedelta(seconds=self.first_pause_seconds), timedelta(seconds=self.longest_pause_seconds)
        forget = timedelta(seconds=self.forget_after_seconds)
        return Paces(
            account=Pace(self.account_free, first, longest, forget),
            address=Pace(self.address_free, first, longest, forget),
        )


class MailSettings(Group):
    """``development`` keeps mails, secrets included, in a table for `mailbox`; ``events`` leaves them to others."""

    mode: Literal["events", "development"] = "events"


class Settings(ServiceSettings):
    """What auth needs beyond what every service has."""

    database: DatabaseSettings
    broker: BrokerSettings
    tokens: TokenSettings
    keys: KeySettings
    clients: dict[str, SecretStr] = {}  # noqa: RUF012 - pydantic copies it
    """``CLIENTS__ORDERS=secret``: one per service client; two, separated by a comma, while one is being replaced."""
    mail: MailSettings = MailSettings()
    passwords: PasswordSettings = PasswordSettings()
    guessing: GuessingSettings = GuessingSettings()
    trusted_proxies: Networks = ()
    """CIDRs whose ``X-Forwarded-For`` says where a request comes from: the gateway's."""
    password_grant: bool = False
    """Whether tradewind-cli may ask people for their password (RFC 6749, section 4.3)."""

    @model_validator(mode="after")
    def _refuse_cheap_hashes_in_production(self) -> Self:
        if self.passwords.effort == "least" and self.environment != "development":
            raise ValueError("PASSWORDS__EFFORT=least protects no password; it needs ENVIRONMENT=development")
        return self

    @model_validator(mode="after")
    def _refuse_mailbox_in_production(self) -> Self:
        if self.mail.mode == "development" and self.environment != "development":
            raise ValueError("MAIL__MODE=development keeps secrets readable; it needs ENVIRONMENT=development")
        return self

    def client_secrets(self) -> dict[str, list[str]]:
        """Return the secrets by client name, which has hyphens where the setting has underscores."""
        return {
            name.lower().replace("_", "-"): [each for each in secret.get_secret_value().split(",") if each]
            for name, secret in self.clients.items()
        }


def _read_key(text: str) -> bytes:
    """Return a key from its base64 spelling, URL-safe or not.

    Raises:
        ValueError: It is not 32 bytes of base64.
    """
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError("a key is 32 bytes of base64: openssl rand -base64 32") from error
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key is 32 bytes of base64, this is {len(key)}: openssl rand -base64 32")
    return key
