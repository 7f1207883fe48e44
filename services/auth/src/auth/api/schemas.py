"""What requests and answers look like. Whatever a request has beside these fields is refused."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from auth.api.fields import Email, Instant, Line, Password, Reason, Token, Word
from auth.domain.accounts import AccountStatus
from auth.domain.roles import Role

Words = Annotated[frozenset[str], PlainSerializer(sorted, return_type=list[str])]
Roles = Annotated[frozenset[Role], PlainSerializer(sorted, return_type=list[Role])]


class _In(BaseModel):
    # A refused value may be a password: no error repeats it.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AccountIn(_In):
    """Somebody who wants an account. The password has 12 to 128 characters and is not the address."""

    email: Email
    password: Password
    name: Line


class AcceptedOut(_Out):
    """What was asked for will be done if it can be. The answer is the same for every address."""

    email: str


class AccountOut(_Out):
    """An account. What was personal about a closed one is gone."""

    id: UUID
    email: str | None
    name: str
    roles: Roles
    status: AccountStatus
    suspension_reason: str | None
    registered_at: datetime
    updated_at: datetime


class PasswordChangeIn(_In):
    """A new password, and the proof of who wants it."""

    current_password: Password
    new_password: Password


class PasswordResetIn(_In):
    """Whose password was forgotten."""

    email: Email


class PasswordResetConfirmationIn(_In):
    """A new password, and the token that the mail had."""

    token: Token
    new_password: Password


class SuspensionIn(_In):
    """Why an account cannot be used for now."""

    reason: Reason


class RolesIn(_In):
    """All the roles of an account, not only new ones."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=3)]


class ApiKeyIn(_In):
    """A key to make. ``scopes`` are some of one's own; without ``expires_at`` it lives until it is revoked."""

    name: Line
    scopes: Annotated[list[Word], Field(min_length=1, max_length=50)]
    expires_at: Instant | None = None


class ApiKeyOut(_Out):
    """A key, without its secret; ``prefix`` is how the secret begins."""

    id: UUID
    name: str
    prefix: str
    scopes: Words
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyMadeOut(ApiKeyOut):
    """A new key. This is the only time its secret is shown."""

    secret: str | None = Field(
        description="What to send as `X-API-Key`. Null in the replay of an idempotent request: it is stored nowhere."
    )


class AuditEntryOut(_Out):
    """Who did what to whose account, from where; ``trace_id`` finds the rest in the logs."""

    id: UUID
    at: datetime
    action: str
    actor: str
    address: str
    account_id: UUID | None
    details: dict[str, Any]
    trace_id: str


class TokenOut(_Out):
    """RFC 6749, section 5.1; ``issued_token_type`` for an exchange (RFC 8693)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    issued_token_type: str | None = None


class IntrospectionOut(_Out):
    """RFC 7662, section 2.2; an inactive token has nothing but ``active``."""

    active: bool
    token_type: str | None = None
    iss: str | None = None
    sub: str | None = None
    aud: str | None = None
    client_id: str | None = None
    scope: str | None = None
    roles: list[str] | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None


class OAuthErrorOut(_Out):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str


class MetadataOut(_Out):
    """RFC 8414, section 2."""

    issuer: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]


class JwksOut(_Out):
    """RFC 7517, section 5."""

    keys: list[dict[str, str]]
