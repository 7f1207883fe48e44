"""Ports are given once: a server that is still to start, or is just being started again, finds its own."""

import subprocess
import sys

import pytest

from chassis import children
from chassis.children import free_ports

FEW = range(19_000, 19_003)
OTHER = f"from chassis import children; children._PORTS = range({FEW.start}, {FEW.stop}); print(children.free_ports(3))"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_PORTS", FEW)


def other_process() -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that end with their process")
def test_port_is_given_to_nobody_else_while_its_process_lives() -> None:
    assert other_process().returncode == 0
    assert set(free_ports(3)) == set(FEW)  # The other process has ended.
    with pytest.raises(OSError, match="no 1 free ports"):
        free_ports(1)
    assert "no 3 free ports" in other_process().stderr
