#!/usr/bin/env python3
"""Write the list of problems in ``docs/problems/README.md``, from the heads of the pages beside it.

``make generate`` runs it; with ``--check`` it writes nothing, shows what would change and fails if anything would.
A page begins with its title, and then says ``code`` and status: "# Not found", "`not-found` · 404".
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from generated import bring_up

LIST = Path("docs/problems/README.md")
_HEAD = "| code | status | title |\n|---|---|---|\n"
_PAGE = re.compile(r"# (?P<title>.+)\n\n`(?P<code>[a-z-]+)` · (?P<status>\d{3})\n")


def main() -> int:
    """Read the command line and do what it says; returns the exit status."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; fail if the list is not current")
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="the repository")
    chosen = options.parse_args()
    try:
        text = render(chosen.root)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return bring_up(chosen.root, {LIST: text}, check=chosen.check, task="generate-problems")


def render(root: Path) -> str:
    """Return the file with its table made anew: by status, then by code.

    Raises:
        ValueError: A page does not begin as pages do; the sentence names it.
    """
    before, _, _ = (root / LIST).read_text().partition(_HEAD)
    return (
        before
        + _HEAD
        + "".join(f"| [{code}]({code}.md) | {status} | {title} |\n" for status, code, title in _pages(root))
    )


def _pages(root: Path) -> Iterator[tuple[int, str, str]]:
    found = []
    for path in (root / LIST).parent.glob("*.md"):
        if path.name == LIST.name:
            continue
        head = _PAGE.match(path.read_text())
        if head is None or head["code"] != path.stem:
            raise ValueError(f"{path.name} does not begin with its title, its code and its status.")
        found.append((int(head["status"]), head["code"], head["title"]))
    yield from sorted(found)


if __name__ == "__main__":
    raise SystemExit(main())
