"""Rows end where Python's csv ends them."""

import csv
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.csv_rows import ends_row


def cut(text: str) -> list[str]:
    """Cut a text into rows."""
    rows, within = [""], False
    for line in text.split("\n"):
        rows[-1] += f"\n{line}" if within else line
        within = not ends_row(line.encode(), within=within)
        if not within:
            rows.append("")
    return rows if within else rows[:-1]


@pytest.mark.parametrize(
    ("line", "within", "ends"),
    [
        (b"a,b", False, True),
        (b"", False, True),
        (b'a,"b', False, False),
        (b'a,"b""', False, False),
        (b'a,"b"""', False, True),
        (b'a,19" monitor,"b"', False, True),
        (b'19" monitor', False, True),
        (b'b,c"', True, True),
        (b'b"" c', True, False),
        (b'b","c', True, False),
        (b"b,c", True, False),
        (b'"', True, True),
    ],
)
def test_row_ends_outside_of_quoted_cells(line: bytes, *, within: bool, ends: bool) -> None:
    assert ends_row(line, within=within) is ends


def read(text: str) -> list[list[str]]:
    return [row for row in csv.reader(StringIO(text, newline="")) if row]


@given(st.text(alphabet='a",\n', max_size=40))
@example('a,19" b\nc')
def test_rows_are_those_that_csv_reads(text: str) -> None:
    assert [cells for row in cut(text) for cells in read(row)] == read(text)
    assert all(len(read(row)) <= 1 for row in cut(text))


def test_long_row_is_looked_at_once() -> None:
    """Nothing is tried again: what is not closed is known to be so after one look."""
    line = b'"' + b'""' * 100_000
    assert not ends_row(line, within=False)
    assert not ends_row(b'"",' * 100_000 + b'"', within=False)
