import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tradewind.checkout import Checkout
from tradewind.hints import Hints
from tradewind.processes import ProcessId, wait_until_gone
from tradewind.runs import Network, PartRecord, Place, Run
from tradewind.state import AlreadyRunningError, State

NETWORK = Network("http://127.0.0.1:8000", 1, 2, {"auth": Place(3, 4)})


def test_folder_and_its_files_are_ours_only(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    (tmp_path / "state").mkdir(mode=0o755)
    state.prepare()
    state.credentials(["auth"])
    state.save_run(Run(ProcessId.me(), NETWORK))
    assert state.folder.stat().st_mode & 0o777 in (0o700, 0o711)
    for name in ("secrets.json", "run.json"):
        assert (state.folder / name).stat().st_mode & 0o777 == 0o600


def test_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    holder = State(tmp_path)
    holder.lock()
    with pytest.raises(AlreadyRunningError):
        State(tmp_path).lock()
    holder.unlock()
    again = State(tmp_path)
    again.lock()
    again.unlock()


def test_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    part = PartRecord("auth", "ready", "http://127.0.0.1:3", None, 2, ProcessId.me())
    run = Run(ProcessId.me(), NETWORK, [part, PartRecord("nats", "starting", "", None, 0, None)])
    state = State(tmp_path)
    state.save_run(run)
    assert state.run() == state.living_run() == run
    assert run.leftovers() == [ProcessId.me()]


def test_run_of_a_process_that_is_gone_does_not_live(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save_run(Run(ProcessId(os.getpid(), ProcessId.me().started - 1), NETWORK))
    assert state.run() is not None
    assert state.living_run() is None


@pytest.mark.parametrize("written", ["", "{", "[]", "{}", '{"runner": {}}'])
def test_run_that_cannot_be_understood_is_none(tmp_path: Path, written: str) -> None:
    (tmp_path / "run.json").write_text(written)
    assert State(tmp_path).run() is None


def test_run_of_another_version_is_none() -> None:
    document = json.loads(json.dumps(asdict(Run(ProcessId.me(), NETWORK))))
    assert Run.read(document) is not None
    assert Run.read({**document, "network": {**document["network"], "colour": "red"}}) is None


def test_removal_takes_what_is_ours_and_leaves_what_is_not(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.prepare()
    state.credentials([])
    assert state.exists()
    state.remove()
    assert not state.folder.exists()
    state.prepare()
    (state.folder / "thesis.txt").touch()
    state.remove()
    assert [path.name for path in state.folder.iterdir()] == ["thesis.txt"]
    assert not state.exists()


def test_waiting_for_processes_that_are_gone_takes_no_time_and_names_those_that_stay() -> None:
    gone = ProcessId(os.getpid(), ProcessId.me().started - 1)
    assert wait_until_gone([gone], seconds=60) == []
    assert wait_until_gone([gone, ProcessId.me()], seconds=0.01) == [ProcessId.me()]


def test_hints_are_lines_that_this_shell_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Checkout(tmp_path / "check out")
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(Path(sys.executable).parents[1])
    usual = Hints(checkout, checkout.default_state)
    assert usual.command("logs -f") == f"bin/{Path(sys.executable).name} -m tradewind logs -f"
    other = Hints(checkout, tmp_path / "an other")
    assert other.command("token").endswith(f" -m tradewind token --state-dir '{tmp_path}/an other'")
