"""Rendered objects with one thing wrong, so that every policy can be seen to notice what it is for."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.charts.rendering import Object, Policy, Render, named

GONE = object()
"""As a value: the key is taken away."""


@dataclass(frozen=True)
class Edit:
    """One change to the first object of a kind (``Deployment`` or ``Deployment/auth``).

    ``path`` has its steps between slashes; a ``/`` inside a step is written ``~1``, as in a JSON pointer.
    """

    target: str
    path: str
    value: Any = GONE

    def __str__(self) -> str:
        return f"{self.target}:{self.path}"

    def apply(self, objects: Iterable[Object]) -> list[Object]:
        """Return a copy of the objects with the change made."""
        changed = copy.deepcopy(list(objects))
        place: Any = next(each for each in changed if self.target in (each["kind"], named(each)))
        *steps, last = (step.replace("~1", "/") for step in self.path.split("/"))
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if self.value is GONE:
            del place[int(last) if isinstance(place, list) else last]
        elif isinstance(place, list):
            place[int(last)] = self.value
        else:
            place[last] = self.value
        return changed


def unnoticed(policy: Policy, render: Render, edits: Iterable[Edit]) -> Iterator[str]:
    """Yield the changes that a policy has nothing to say about, having had nothing to say before them."""
    assert list(policy(list(render.objects))) == []
    for edit in edits:
        if not list(policy(edit.apply(render.objects))):
            yield str(edit)
