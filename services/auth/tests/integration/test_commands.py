"""The service's own commands, as an operator types them."""

import base64
import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from chassis.commands import main
from chassis.embedded import EmbeddedNats
from chassis.manifest import service_dir
from chassis.settings import DatabaseSettings
from chassis.testing import Databases

SECRET = "customers-secret-of-a-generator-of-256-bits"

Run = Callable[..., Result]


@pytest.fixture
def environment(databases: Databases, nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch) -> DatabaseSettings:
    """What the runner gives a service's process."""
    settings = databases.create_migrated("auth", service_dir("auth"))
    given = {
        "SERVICE": "auth",
        "ENVIRONMENT": "development",
        "DATABASE__URL": settings.url.get_secret_value(),
        "BROKER__URL": nats.url,
        "TOKENS__ISSUER": "http://auth.test",
        "TOKENS__JWKS_URL": "http://auth.test/.well-known/jwks.json",
        "KEYS__ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        "CLIENTS__CUSTOMERS": SECRET,
        "MAIL__MODE": "development",
        "LOG__LEVEL": "error",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def run(environment: DatabaseSettings, databases: Databases) -> Run:
    def invoke(*words: str, stdin: str | None = None, code: int = 0) -> Result:
        done = CliRunner().invoke(main, words, input=stdin, catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done

    return invoke


def test_migrate_makes_the_first_key_and_the_clients(run: Run) -> None:
    run("migrate")
    (key,) = json.loads(run("keys", "list", "--json").stdout)
    assert key["state"] == "signing"
    secretless, nothing = run("clients", "apply").stdout.splitlines()
    assert {"auth", "gateway"} <= set(secretless.removeprefix("without a secret: ").split(", "))
    assert ("customers" not in secretless, nothing) == (True, "Nothing to change.")


def test_keys_rotate_ahead_and_at_once(run: Run) -> None:
    run("migrate")
    assert "signs from" in run("keys", "rotate").stdout
    assert [each["state"] for each in json.loads(run("keys", "list", "--json").stdout)] == ["signing", "published"]
    assert "published already" in run("keys", "rotate", code=1).stderr
    warned = run("keys", "rotate", "--now")
    assert "refused" in warned.stderr
    states = [each["state"] for each in json.loads(run("keys", "list", "--json").stdout)]
    assert states == ["retired", "retired", "signing"]
    assert run("keys", "list").stdout.count("retired") == 2


def test_first_admin_gets_a_password_that_is_shown_once(run: Run) -> None:
    made = run("admin", "create", "--email", "Root@example.com")
    assert "Password (shown once): " in made.stdout
    again = run("admin", "create", "--email", "root@example.com")
    assert "same password as before" in again.stdout
    assert "shown once" not in again.stdout


def test_admin_password_comes_from_standard_input(run: Run) -> None:
    made = run("admin", "create", "--email", "root@example.com", "--password-stdin", stdin="correct horse battery\n")
    assert "Password" not in made.stdout
    refused = run("admin", "create", "--email", "b@example.com", "--password-stdin", stdin="short\n", code=1)
    assert "fewer than 12" in refused.stderr


def test_wrong_address_is_told_in_a_sentence(run: Run) -> None:
    assert "ada@example.com" in run("admin", "create", "--email", "nobody", code=1).stderr


def test_short_client_secret_is_told_in_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENTS__GATEWAY", "hunter2")
    refused = run("clients", "apply", code=1)
    assert "gateway" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_mailbox_shows_mails_in_development_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run("mailbox", "--json").stdout) == []
    assert run("mailbox").stdout == "0 mail(s).\n"
    monkeypatch.delenv("MAIL__MODE")
    assert "MAIL__MODE=development" in run("mailbox", "--json", code=1).stderr
