"""Files that a script of this folder writes: brought up to date, or compared with what they should be."""

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path


def bring_up(root: Path, files: Mapping[Path, str], *, check: bool, task: str) -> int:
    """Write what is not current; with ``check``, show how it differs and name make's task that mends it.

    Returns the script's exit status: 1 if a check found a difference.
    """
    status = 0
    for path, text in files.items():
        target = root / path
        before = target.read_text() if target.exists() else ""
        if before == text:
            continue
        if check:
            lines = difflib.unified_diff(
                before.splitlines(keepends=True), text.splitlines(keepends=True), str(path), f"{path} (generated)"
            )
            sys.stderr.write("".join(lines))
            sys.stderr.write(f"{path} is not current: run `make {task}`.\n")
            status = 1
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            print(f"wrote {path}")
    return status
