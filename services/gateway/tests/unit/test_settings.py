import pytest
from pydantic import ValidationError

from gateway.settings import Settings

REQUIRED = {
    "ENVIRONMENT": "production",
    "TOKENS__ISSUER": "https://shop.example",
    "TOKENS__JWKS_URL": "http://auth/.well-known/jwks.json",
    "CLIENT__TOKEN_URL": "http://auth/v1/oauth/token",
    "CLIENT__SECRET": "s3cret",
    "PEERS__AUTH": "http://auth",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_environment_alone_is_enough(environment: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert settings.peers == {"auth": "http://auth"}
    assert settings.trusted_proxies == ()
    assert settings.cors.origins == ()
    assert settings.valkey is None


def test_one_value_of_a_limit_can_be_set_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LIMITS__LOGIN__ADDRESS__RATE", "3")
    environment.setenv("LIMITS__SEARCH__ACCOUNT__RATE", "5")
    environment.setenv("LIMITS__SEARCH__ACCOUNT__BURST", "6")
    environment.setenv("LIMITS__SEARCH__ADDRESS__RATE", "7")
    environment.setenv("LIMITS__SEARCH__ADDRESS__BURST", "8")
    standard, changed = Settings.model_fields["limits"], Settings().limits
    assert standard.default == {}
    assert changed["login"].address.rate == 3
    assert changed["login"].address.burst == 50
    assert changed["default"].account.rate == 50
    assert changed["search"].address.burst == 8


def test_lists_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    environment.setenv("CORS__ORIGINS", "https://a.example,https://b.example")
    assert Settings().trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert Settings().cors.origins == ("https://a.example", "https://b.example")


def test_network_that_is_none_is_refused_at_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRUSTED_PROXIES", "everybody")
    with pytest.raises(ValidationError, match="everybody"):
        Settings()
