"""Settings come from the environment, or the process ends with a sentence."""

import pytest
from pydantic import ValidationError

from chassis.settings import BrokerSettings, DatabaseSettings, ServiceSettings, example, load


class Settings(ServiceSettings):
    database: DatabaseSettings
    broker: BrokerSettings


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("DATABASE__URL", "postgresql+asyncpg://u:secret@h/d")
    monkeypatch.setenv("BROKER__URL", "nats://h")
    return monkeypatch


def test_groups_are_read_by_level(complete: pytest.MonkeyPatch) -> None:
    complete.setenv("DATABASE__POOL_SIZE", "9")
    complete.setenv("LOG__ACCESS_SAMPLE", "0.25")
    settings = load(Settings)
    assert (settings.database.pool_size, settings.log.access_sample, settings.log.level) == (9, 0.25, "info")


def test_secrets_are_not_shown(complete: pytest.MonkeyPatch) -> None:
    assert "secret" not in repr(load(Settings))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ENVIRONMENT", None, "setting ENVIRONMENT: Field required"),
        ("DATABASE__URL", None, "setting DATABASE: Field required"),
        ("DATABASE__POOL_SIZE", "0", "setting DATABASE__POOL_SIZE: Input should be greater than or equal to 1"),
        ("DATABASE__POOLSIZE", "5", "setting DATABASE__POOLSIZE: Extra inputs are not permitted"),
    ],
)
def test_wrong_environment_ends_the_process_with_a_line_per_setting(
    complete: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        complete.delenv(name)
    else:
        complete.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_settings_are_frozen(complete: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError):
        load(Settings).port = 1  # type: ignore[misc] # what must not work


def test_examples_stand_for_what_is_required(complete: pytest.MonkeyPatch) -> None:
    for name in ("ENVIRONMENT", "DATABASE__URL", "BROKER__URL"):
        complete.delenv(name)
    assert example(Settings).broker.url.startswith("nats://")


def test_required_setting_without_example_is_named() -> None:
    class Lacking(ServiceSettings):
        thing: str

    with pytest.raises(LookupError, match=r"Lacking\.thing"):
        example(Lacking)
