"""Where pieces are taken from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.domain.events import Pieces
from inventory.domain.stock import InsufficientStockError, Level, allocate, by_sku

SKUS, WAREHOUSES = ("A", "B", "C"), ("x", "y", "z")
QUANTITIES = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 6), min_size=1)
LEVELS = st.dictionaries(
    st.tuples(st.sampled_from(SKUS), st.sampled_from(WAREHOUSES)), st.tuples(st.integers(0, 5), st.integers(0, 5))
).map(lambda found: [Level(*key, on_hand=free + held, reserved=held) for key, (free, held) in found.items()])


def level(sku: str, warehouse: str, available: int) -> Level:
    return Level(sku, warehouse, on_hand=available + 3, reserved=3)


def test_preferred_warehouse_comes_first() -> None:
    assert allocate({"A": 2}, [level("A", "y", 5), level("A", "x", 5)]) == [Pieces("A", "y", 2)]


def test_warehouse_with_everything_beats_a_preferred_one_without() -> None:
    levels = [level("A", "x", 5), level("A", "y", 5), level("B", "y", 5)]
    assert allocate({"B": 1, "A": 2}, levels) == [Pieces("A", "y", 2), Pieces("B", "y", 1)]


def test_warehouse_with_the_whole_line_beats_two_with_a_part() -> None:
    levels = [level("A", "x", 1), level("A", "y", 2), level("B", "z", 1)]
    assert allocate({"A": 2, "B": 1}, levels) == [Pieces("A", "y", 2), Pieces("B", "z", 1)]


def test_what_no_warehouse_has_alone_comes_from_several() -> None:
    assert allocate({"A": 3}, [level("A", "y", 2), level("A", "x", 2)]) == [Pieces("A", "x", 1), Pieces("A", "y", 2)]


def test_shortage_counts_all_warehouses() -> None:
    with pytest.raises(InsufficientStockError) as refusal:
        allocate({"A": 4, "B": 1, "C": 1}, [level("A", "x", 1), level("A", "y", 2), level("C", "x", 1)])
    assert refusal.value.extensions["shortages"] == [
        {"sku": "A", "wanted": 4, "available": 3},
        {"sku": "B", "wanted": 1, "available": 0},
    ]


@given(QUANTITIES, LEVELS)
def test_exactly_what_is_wanted_is_taken_from_what_is_there(wanted: dict[str, int], levels: list[Level]) -> None:
    levels = [each for each in levels if each.sku in wanted]
    available = {(each.sku, each.warehouse): each.available for each in levels}
    enough = all(
        sum(quantity for (sku, _), quantity in available.items() if sku == each) >= quantity_wanted
        for each, quantity_wanted in wanted.items()
    )
    try:
        pieces = allocate(wanted, levels)
    except InsufficientStockError:
        assert not enough
        return
    assert enough
    assert by_sku(pieces) == wanted
    assert len({(each.sku, each.warehouse) for each in pieces}) == len(pieces)
    assert all(0 < each.quantity <= available[each.sku, each.warehouse] for each in pieces)
    assert pieces == sorted(pieces)
