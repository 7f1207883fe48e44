"""Which changes of a file are worth a new start, for a service that runs from its sources.

``python -m watchfiles --filter chassis.reloading.Edits "python -m chassis serve" /src``
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from watchfiles import Change, PythonFilter


class Edits(PythonFilter):
    """Lets through what makes a Python file another one.

    Tools that copy files into a container may copy the same one several times, and each copy looks like a change.
    """

    def __init__(self, ignore_paths: Sequence[str | Path] = ()) -> None:
        super().__init__(ignore_paths=ignore_paths)
        self._seen: dict[str, bytes] = {}

    def __call__(self, change: Change, path: str) -> bool:
        """Tell whether a file has other content than when it was last looked at."""
        if not super().__call__(change, path):
            return False
        try:
            content = blake2b(Path(path).read_bytes()).digest()
        except OSError:
            content = b""
        before, self._seen[path] = self._seen.get(path), content
        return content != before
