"""Folders in memory: used where there is room, gone afterwards, and swept up after whoever was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chassis import scratch as scratches
from chassis.scratch import scratch

KILLED = """
import sys, time
from pathlib import Path
from chassis.scratch import scratch
with scratch(Path(), memory=Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


def test_folder_is_gone_with_all_that_is_in_it(tmp_path: Path) -> None:
    with scratch(tmp_path / "unused", memory=tmp_path) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "file").touch()
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lack", ["memory", "room"])
def test_disk_does_where_memory_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str) -> None:
    if lack == "room":
        monkeypatch.setattr(scratches, "_LEAST_BYTES", 1 << 60)
    with scratch(tmp_path / "disk", memory=tmp_path / lack if lack == "memory" else tmp_path) as folder:
        assert folder == tmp_path / "disk"


def test_folder_of_the_killed_is_swept_up_and_that_of_the_living_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratches, "_YOUNG_SECONDS", -1)
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        with scratch(tmp_path, memory=tmp_path):
            assert left.exists()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert left.exists()
        with scratch(tmp_path, memory=tmp_path) as folder:
            assert list(tmp_path.iterdir()) == [folder]
