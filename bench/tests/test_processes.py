"""Processes of a measurement: counted with their children, and gone afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.processes import CORES, NotReadyError, cpu_seconds, pss_bytes, running

BUSY = """
import os, sys, time
child = os.fork()
end = time.process_time() + 0.2
while time.process_time() < end: pass
if child == 0: os._exit(0)
os.waitpid(child, 0)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_cores() -> Iterator[None]:
    """Give the tests that follow all cores again."""
    yield
    os.sched_setaffinity(0, CORES)


def test_time_of_a_child_that_has_ended_counts(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with running(["-c", BUSY, str(done)], environment={}, log=tmp_path / "busy.log", ready=done.exists) as pid:
        assert 0.38 <= cpu_seconds([pid]) < 5
        assert pss_bytes(pid) > 1_000_000
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_process_that_ends_at_once_is_shown_with_what_it_said(tmp_path: Path) -> None:
    failing = running(
        ["-c", "import sys; sys.exit('no such thing')"], environment={}, log=tmp_path / "x.log", ready=lambda: False
    )
    with pytest.raises(NotReadyError, match="no such thing"), failing:
        pytest.fail("it was never ready")


def test_process_does_not_see_a_services_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE__URL", "of the developer")
    log = tmp_path / "x.log"
    script = "import os, time; print(os.environ.get('DATABASE__URL'), flush=True); time.sleep(60)"
    with running(["-c", script], environment={}, log=log, ready=lambda: log.read_text() == "None\n"):
        pass
