import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.cursors import CursorValue, MalformedCursorError, decode, encode

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100)
times = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive bounds and adds the zone
    datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
)
values = st.one_of(int64, text, times, st.uuids())
KINDS = (str, int, datetime, UUID)


def sealed(parsed: object) -> str:
    """Make a cursor of any JSON, as somebody who read this source would."""
    return base64.urlsafe_b64encode(json.dumps(parsed, separators=(",", ":")).encode()).decode().rstrip("=")


def read(cursor: str, *types: type[Any]) -> tuple[CursorValue, ...]:
    """Decode with types that are not known before."""
    return decode(cursor, *types)


@given(st.lists(values, min_size=1, max_size=3))
def test_any_values_come_back_as_they_were(key: list[CursorValue]) -> None:
    cursor = encode(key)
    assert read(cursor, *(type(value) for value in key)) == tuple(key)
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.lists(values, min_size=1, max_size=3), st.lists(st.sampled_from(KINDS), max_size=4))
def test_other_types_than_the_lists_are_refused(key: list[CursorValue], types: list[type[Any]]) -> None:
    if types == [type(value) for value in key]:
        return
    with pytest.raises(MalformedCursorError):
        read(encode(key), *types)


@given(st.text(max_size=300), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
@example("é", [str])
@example("====", [str])
@example("\ud800", [str])
def test_garbage_is_refused_and_nothing_worse(garbage: str, types: list[type[Any]]) -> None:
    with pytest.raises(MalformedCursorError):
        read(garbage, *types)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(json_values, st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
def test_any_other_json_is_refused_and_nothing_worse(parsed: object, types: list[type[Any]]) -> None:
    try:
        key = read(sealed(parsed), *types)
    except MalformedCursorError:
        return
    assert encode(key) == sealed(parsed)


@given(st.lists(values, min_size=1, max_size=3), st.data())
def test_changed_cursor_is_refused_or_names_another_place(key: list[CursorValue], data: st.DataObject) -> None:
    cursor = encode(key)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_=. \n"))
    changed = cursor[:at] + other + cursor[at + 1 :]
    if changed == cursor:
        return
    try:
        found = read(changed, *(type(value) for value in key))
    except MalformedCursorError:
        return
    assert found != tuple(key)
    assert encode(found) == changed


@pytest.mark.parametrize(
    "parsed",
    [
        ["sa\0b"],
        ["s\ud800"],
        [1 << 63],
        [-(1 << 63) - 1],
        [True],
        [1.0],
        [None],
        ["t2030-01-01T00:00:00"],
        ["t2030-01-01T01:00:00+01:00"],
        ["t9999-12-31T23:59:59-12:00"],
        ["tnoon"],
        ["u1"],
        ["u{00000000-0000-0000-0000-000000000007}"],
        ["x1"],
        [""],
        [[]],
        [],
        {"0": 1},
        "s",
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_forged_value_that_would_trouble_the_database_is_refused(parsed: object, kind: type[Any]) -> None:
    with pytest.raises(MalformedCursorError):
        read(sealed(parsed), kind)


def test_forged_depth_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 1500).decode()
    with pytest.raises(MalformedCursorError):
        decode(deep, str)


def test_endless_cursor_is_refused() -> None:
    with pytest.raises(MalformedCursorError):
        decode(sealed(["s" + "a" * 2000]), str)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2030, 1, 1),  # noqa: DTZ001 - the point of it
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        1 << 63,
        "a\0b",
        "\ud800",
        "a" * 2000,
        True,
        1.5,
        None,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_value_that_no_cursor_can_hold_is_a_mistake(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode([value])


def test_error_is_a_malformed_request() -> None:
    with pytest.raises(MalformedCursorError) as error:
        decode("!", str)
    assert error.value.code == "malformed-cursor"


def test_times_are_in_utc() -> None:
    at = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    (found,) = decode(encode([at]), datetime)
    assert found == at
    assert found.tzinfo == UTC
