"""Log lines: one JSON object each, whoever wrote it, with the ids of the work under way."""

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog

from chassis import context, logs
from chassis.settings import LogSettings


class Written(io.TextIOWrapper):
    """A stream that remembers, as standard output is: text over bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def lines(self) -> list[dict[str, Any]]:
        binary = self.buffer
        assert isinstance(binary, io.BytesIO)
        return [json.loads(line) for line in binary.getvalue().splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = Written()
    logs.configure(LogSettings(), service="orders", version="7", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_line_says_who_wrote_it_when_and_what(written: Written) -> None:
    before = datetime.now(UTC)
    logs.get("saga").info("step done", step="reserve", attempt=2)
    [line] = written.lines()
    timestamp = line.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp)
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(timestamp) <= datetime.now(UTC)
    assert line == {
        "level": "info",
        "event": "step done",
        "service": "orders",
        "version": "7",
        "component": "saga",
        "step": "reserve",
        "attempt": 2,
    }


def test_timestamp_follows_the_clock(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    for nanoseconds in (1_999_000_000, 2_000_000_000, 2_000_999_999, 62_005_000_000):
        monkeypatch.setattr("chassis.logs.time.time_ns", lambda now=nanoseconds: now)
        logs.get("clock").info("tick")
    assert [line["timestamp"][14:] for line in written.lines()] == [
        "00:01.999Z",
        "00:02.000Z",
        "00:02.000Z",
        "01:02.005Z",
    ]


def test_line_names_the_work_under_way(written: Written) -> None:
    work = context.WorkContext(request_id="asked-for")
    with context.working(work):
        logs.get("saga").info("within")
    logs.get("saga").info("outside")
    within, outside = written.lines()
    assert (within["trace_id"], within["span_id"], within["request_id"]) == (work.trace_id, work.span_id, "asked-for")
    assert not {"trace_id", "span_id", "request_id"} & outside.keys()


def test_exception_is_in_its_line(written: Written) -> None:
    try:
        int("broken")
    except ValueError:
        logs.get("saga").exception("step failed")
    [line] = written.lines()
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("with base 10: 'broken'")
    assert "exc_info" not in line


def test_what_json_does_not_know_is_written_as_text(written: Written) -> None:
    logs.get("saga").info("step done", order=frozenset({1}))
    assert written.lines()[0]["order"] == "frozenset({1})"


def test_lines_below_the_level_are_not_written(written: Written) -> None:
    logs.get("saga").debug("too much")
    assert written.lines() == []


def test_libraries_lines_have_the_same_form(written: Written) -> None:
    with context.working(context.WorkContext()) as work:
        logging.getLogger("some.library").warning("hm %d", 7)
    [line] = written.lines()
    assert (line["event"], line["level"], line["service"]) == ("hm 7", "warning", "orders")
    assert (line["logger"], line["trace_id"]) == ("some.library", work.trace_id)


def test_line_is_out_when_the_call_returns(written: Written) -> None:
    raw = io.BytesIO()
    buffered = io.TextIOWrapper(io.BufferedWriter(cast("io.RawIOBase", raw)))
    logs.configure(LogSettings(), service="orders", version="7", stream=buffered)
    structlog.get_logger(component="last words").info("goodbye")
    assert json.loads(raw.getvalue())["event"] == "goodbye"
    assert written.lines() == []
