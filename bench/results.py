"""Results: rows as they are kept in ``bench/results.json``, and the table that the documentation shows of them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from bench.processes import ROOT

RESULTS = ROOT / "bench" / "results.json"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- results: written by `make bench` -->\n"
END = "<!-- end of results -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One result.

    With two sides, ``ratio`` is what the ``goal`` is about: ours divided by theirs. With one side (``theirs`` and
    ``ratio`` are None) the goal is about ``ours`` itself. ``note`` says what was measured and on how many cores.
    """

    name: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float | None
    goal: float
    better: Literal["higher", "lower"]
    note: str = ""

    @classmethod
    def compared(
        cls,
        name: str,
        *,
        ours: float,
        theirs: float,
        unit: str,
        goal: float,
        better: Literal["higher", "lower"],
        note: str,
    ) -> "Row":
        """Make a row of two sides, rounded as far as the figures mean anything."""
        ratio = round(ours / theirs, 3)
        return cls(name, _rounded(ours), _rounded(theirs), unit, ratio, goal, better, note)

    @classmethod
    def alone(cls, name: str, *, ours: float, unit: str, goal: float, note: str) -> "Row":
        """Make a row that is compared with a figure, which it must not exceed."""
        return cls(name, _rounded(ours), None, unit, None, goal, "lower", note)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.goal if self.better == "higher" else value <= self.goal

    def sentence(self) -> str:
        """Return the row for a terminal."""
        theirs = "" if self.theirs is None else f" against {self.theirs:g}, ratio {self.ratio:g}"
        verdict = "met" if self.met else "NOT met"
        return f"{self.name}: {self.ours:g}{theirs} {self.unit}; goal {self._goal}: {verdict} ({self.note})"

    def cells(self) -> list[str]:
        """Return the row for the table."""
        theirs = "-" if self.theirs is None else f"{self.theirs:g}"
        ratio = "-" if self.ratio is None else f"{self.ratio:g}"
        return [
            self.name,
            f"{self.ours:g}",
            theirs,
            self.unit,
            ratio,
            self._goal,
            "yes" if self.met else "**no**",
            self.note,
        ]

    @property
    def _goal(self) -> str:
        return f"{'≥' if self.better == 'higher' else '≤'} {self.goal:g}{' x' if self.ratio is not None else ''}"


def load() -> list[Row]:
    """Read the kept results, none where there are none yet."""
    return [Row(**row) for row in json.loads(RESULTS.read_text())] if RESULTS.exists() else []


def keep(measured: Iterable[Row]) -> None:
    """Write results over those of the same name; others stay as they are."""
    rows = {row.name: row for row in load()}
    rows.update({row.name: row for row in measured})
    RESULTS.write_text(json.dumps([asdict(row) for row in rows.values()], indent=2, ensure_ascii=False) + "\n")


def table(rows: Iterable[Row]) -> str:
    """Return the Markdown table."""
    head = ["what", "ours", "theirs", "unit", "ratio", "goal", "met", "how"]
    lines = [head, ["---", *["---:"] * 2, "---", "---:", "---:", "---", "---"], *(row.cells() for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def document_with(rows: Iterable[Row], document: str) -> str:
    """Return the documentation page with its table made anew.

    Raises:
        ValueError: The page has lost the marks between which the table stands.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has no place for the results: {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
