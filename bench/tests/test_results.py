"""Results: what is kept, what counts as met, and the table in the documentation."""

import json
from pathlib import Path
from typing import Literal

import pytest
from bench import results
from bench.results import BEGIN, END, Row


def compared(ours: float, theirs: float, *, better: Literal["higher", "lower"] = "higher") -> Row:
    return Row.compared("a / b", ours=ours, theirs=theirs, unit="requests/s", goal=0.75, better=better, note="here")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    return tmp_path / "results.json"


@pytest.mark.parametrize(("ours", "met"), [(750, True), (749, False)])
def test_goal_of_two_sides_is_about_their_ratio(ours: float, *, met: bool) -> None:
    assert compared(ours, 1000).met is met


@pytest.mark.parametrize(("ours", "met"), [(750, True), (751, False)])
def test_goal_may_be_that_something_is_low(ours: float, *, met: bool) -> None:
    assert compared(ours, 1000, better="lower").met is met


@pytest.mark.parametrize(("ours", "met"), [(5, True), (5.1, False)])
def test_goal_of_one_side_is_about_its_value(ours: float, *, met: bool) -> None:
    assert Row.alone("start", ours=ours, unit="s", goal=5, note="here").met is met


def test_results_are_kept_with_the_names_that_scripts_read(kept: Path) -> None:
    results.keep([compared(800, 1000)])
    [row] = json.loads(kept.read_text())
    assert row == {
        "name": "a / b",
        "ours": 800,
        "theirs": 1000,
        "unit": "requests/s",
        "ratio": 0.8,
        "goal": 0.75,
        "better": "higher",
        "note": "here",
    }


def test_new_result_replaces_the_old_one_and_no_other(kept: Path) -> None:
    start = Row.alone("start", ours=4, unit="s", goal=5, note="here")
    results.keep([compared(800, 1000), start])
    results.keep([compared(900, 1000)])
    assert results.load() == [compared(900, 1000), start]


def test_table_stands_between_its_marks_and_the_rest_stays() -> None:
    page = results.document_with([compared(800, 1000)], f"before\n{BEGIN}old\n{END}after\n")
    assert page.startswith(f"before\n{BEGIN}")
    assert page.endswith(f"{END}after\n")
    assert "| a / b | 800 | 1000 | requests/s | 0.8 | ≥ 0.75 x | yes | here |" in page
    assert "old" not in page
    assert results.document_with([compared(800, 1000)], page) == page


def test_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the results"):
        results.document_with([], "a page\n")
