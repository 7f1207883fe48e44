"""Rounds: sides take turns, the first round is not counted, and what counts is the median."""

import pytest
from bench.rounds import Effort, interleaved, percentile


def test_sides_take_turns_and_the_first_round_is_not_counted() -> None:
    turns: list[str] = []

    def side(name: str, values: list[float]) -> float:
        turns.append(name)
        return values.pop(0)

    ours, theirs = [100.0, 1.0, 9.0, 2.0], [100.0, 4.0, 5.0, 6.0]
    medians = interleaved(
        "test", {"ours": lambda: side("A", ours), "theirs": lambda: side("B", theirs)}, Effort(3, 1), unit="x"
    )
    assert turns == ["A", "B"] * 4
    assert medians == {"ours": 2.0, "theirs": 5.0}


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_percentile_is_the_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], share) == value
