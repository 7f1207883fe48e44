from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tradewind.checkout import Checkout
from tradewind.main import cli

COMMANDS = {"up", "down", "status", "logs", "token", "psql", "reset", "mail", "doctor", "demo", "import", "reconcile"}


def test_there_is_every_command() -> None:
    assert set(cli.commands) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_explains_the_command_and_each_of_its_options(name: str) -> None:
    command = cli.commands[name]
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or (isinstance(parameter, click.Option) and parameter.help)
    said = CliRunner().invoke(cli, [name, "-h"])
    assert said.exit_code == 0
    assert said.output.startswith("Usage: ")


def test_help_tells_each_command_in_one_whole_line() -> None:
    said = CliRunner().invoke(cli, ["-h"]).output
    assert "..." not in said.replace("[ARGS]...", "")
    assert said.count("\n  ") >= len(COMMANDS)


def test_reset_asks_first(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.default_state.mkdir()
    (checkout.default_state / "secrets.json").write_text("{}")
    assert CliRunner().invoke(cli, ["reset"], obj=checkout, input="n\n").exit_code == 1
    assert checkout.default_state.exists()
    assert CliRunner().invoke(cli, ["reset"], obj=checkout, input="y\n").exit_code == 0
    assert not checkout.default_state.exists()
    assert "There is nothing in " in CliRunner().invoke(cli, ["reset"], obj=checkout).output
