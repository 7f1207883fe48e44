"""Where a row of CSV ends, for those who cut a file into rows without reading it whole.

A quote begins a quoted cell only where the cell begins; anywhere else it is a quote, as in ``19" monitor``. Within a
quoted cell a line break belongs to it, and two quotes are one.

Source: RFC 4180, section 2; what it leaves open as Python's ``csv`` reads it.
"""

import re

_QUOTED = rb'(?:[^"]++|"")*+"[^,]*+'
_CELL = rb'(?>"' + _QUOTED + rb'|[^",][^,]*+|)'
_WHOLE = re.compile(_CELL + rb"(?:," + _CELL + rb")*+")
_CLOSED = re.compile(_QUOTED + rb"(?:," + _CELL + rb")*+")


def ends_row(line: bytes, *, within: bool) -> bool:
    """Tell whether a row ends where a line does.

    Args:
        line: Without its line break.
        within: Whether it begins within a quoted cell, because the line before did not end the row.
    """
    if b'"' not in line:
        return not within
    return (_CLOSED if within else _WHOLE).fullmatch(line) is not None
