"""Two sides in one run, in turn, so that whatever drifts on the machine meets both."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.processes import CORES


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds of each side, and seconds a round."""

    rounds: int
    seconds: float

    @property
    def described(self) -> str:
        """The words for a result's note."""
        return f"{self.rounds} rounds of {self.seconds:g} s a side, {len(CORES)} cores"


FULL = Effort(rounds=11, seconds=2)
QUICK = Effort(rounds=3, seconds=0.5)


def interleaved(name: str, sides: dict[str, Callable[[], float]], effort: Effort, *, unit: str) -> dict[str, float]:
    """Measure the sides in turn, A B A B …, after one round that is not counted; return each side's median."""
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(effort.rounds + 1):
        latest = {side: measure() for side, measure in sides.items()}
        if number:
            for side, value in latest.items():
                taken[side].append(value)
        shown = ", ".join(f"{side} {value:.4g}" for side, value in latest.items())
        say(f"  {name}: {f'round {number} of {effort.rounds}' if number else 'warm-up'}: {shown} {unit}")
    return {side: median(values) for side, values in taken.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def say(line: str) -> None:
    """Show progress at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
