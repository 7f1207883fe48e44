"""What a service that runs from its sources starts again for."""

from pathlib import Path

import pytest
from watchfiles import Change

from chassis.reloading import Edits


@pytest.fixture
def edits() -> Edits:
    return Edits()


def test_edit_counts_and_a_copy_of_it_does_not(edits: Edits, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("one")
    assert edits(Change.modified, str(module))
    module.write_text("one")
    assert not edits(Change.modified, str(module))
    module.write_text("two")
    assert edits(Change.modified, str(module))


def test_file_that_goes_and_comes_counts(edits: Edits, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("one")
    edits(Change.added, str(module))
    module.unlink()
    assert edits(Change.deleted, str(module))
    module.write_text("one")
    assert edits(Change.added, str(module))


def test_other_files_do_not_count(edits: Edits, tmp_path: Path) -> None:
    (tmp_path / "module.pyc").write_bytes(b"")
    assert not edits(Change.added, str(tmp_path / "module.pyc"))
