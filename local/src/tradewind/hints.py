"""Command lines to copy: as this shell can run them, for the state folder that they are about."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tradewind.checkout import Checkout


@dataclass(frozen=True, slots=True)
class Hints:
    """Makes command lines for one state folder."""

    checkout: Checkout
    folder: Path

    def command(self, words: str) -> str:
        """Return the line that runs one of our commands: ``tradewind logs -f``."""
        usual = self.folder.absolute() == self.checkout.default_state
        where = "" if usual else f" --state-dir {shlex.quote(str(self.folder))}"
        return f"{_program()} {words}{where}"


def _program() -> str:
    """Return how this shell calls us: by name where PATH finds us, else by the path of our Python from here."""
    ours, on_path = Path(sys.executable).parent / "tradewind", shutil.which("tradewind")
    if on_path and ours.exists() and Path(on_path).samefile(ours):
        return "tradewind"
    relative = os.path.relpath(sys.executable)
    return f"{shlex.quote(sys.executable if relative.startswith('..') else relative)} -m tradewind"
