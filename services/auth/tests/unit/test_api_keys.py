from datetime import timedelta
from uuid import uuid4

import pytest

from auth.domain.api_keys import ApiKey, ScopeNotGrantableError, digest, grantable, new_secret
from chassis.testing import FakeClock

OWN = frozenset({"orders:own", "accounts:own", "keys:own", "roles:manage"})


def make(clock: FakeClock, secret: str, expires_in: timedelta | None = None) -> ApiKey:
    return ApiKey(
        account_id=uuid4(),
        name="CI",
        secret=secret,
        scopes=frozenset({"orders:own"}),
        now=clock.now(),
        expires_at=clock.now() + expires_in if expires_in else None,
    )


def test_secret_is_kept_as_a_digest_and_known_by_its_beginning(clock: FakeClock) -> None:
    secret = new_secret()
    key = make(clock, secret)
    assert key.secret_hash == digest(secret)
    assert secret.startswith(key.prefix + "_")
    assert secret not in repr(vars(key))


def test_secrets_are_never_the_same_and_hold_256_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret.split("_", 2)[2]) == 43 for secret in secrets)


def test_expired_key_opens_nothing(clock: FakeClock) -> None:
    key = make(clock, new_secret(), timedelta(days=1))
    assert key.usable(clock.now())
    clock.advance(days=1)
    assert not key.usable(clock.now())


def test_revoked_key_opens_nothing_and_keeps_its_end(clock: FakeClock) -> None:
    key = make(clock, new_secret())
    key.revoke(clock.now())
    ended = key.revoked_at
    clock.advance(days=1)
    key.revoke(clock.now())
    assert not key.usable(clock.now())
    assert key.revoked_at == ended


def test_key_gets_what_is_asked_for_and_no_more() -> None:
    assert grantable(["orders:own"], OWN) == {"orders:own"}


@pytest.mark.parametrize("scope", ["orders:manage", "keys:own", "roles:manage"])
def test_key_gets_nothing_that_is_not_to_give(scope: str) -> None:
    with pytest.raises(ScopeNotGrantableError) as refused:
        grantable(["orders:own", scope], OWN)
    assert refused.value.extensions["scopes"] == [scope]
