import json
from pathlib import Path

import pytest

from tradewind import journal
from tradewind.journal import Entry, entry, filter_for, find_logs, follow, keep_within_bounds, last_entries, reason

REQUEST = {
    "timestamp": "2026-11-22T09:12:05.019Z",
    "level": "info",
    "event": "request",
    "service": "auth",
    "component": "access",
    "method": "POST",
    "path": "/v1/accounts",
    "route": "/v1/accounts",
    "status": 202,
    "duration_ms": 101.2,
    "trace_id": "deb9",
    "request_id": "deb9",
}


def anything(_: Entry) -> bool:
    return True


def test_request_reads_as_a_sentence() -> None:
    shown = entry("auth", json.dumps(REQUEST)).shown()
    assert shown.startswith("09:12:05.019  ")
    assert "auth        POST /v1/accounts → 202 in 101.2 ms" in shown
    assert shown.count("deb9") == 1


def test_exception_stands_on_lines_of_its_own() -> None:
    line = json.dumps({"level": "error", "event": "failed", "exception": "Traceback:\n  it broke"})
    assert entry("auth", line).shown().endswith("failed\nTraceback:\n  it broke")


@pytest.mark.parametrize(
    ("line", "at", "level", "event"),
    [
        ("2026-11-22 08:36:45.236 UTC [10401] FATAL:  no", "2026-11-22T08:36:45.236", "error", "no"),
        ("2026-11-22 08:36:45.236 UTC [10401] auth@auth LOG:  hm", "2026-11-22T08:36:45.236", "info", "hm"),
        ("[77] 2026/11/22 08:57:05.184321 [WRN] slow", "2026-11-22T08:57:05.184321", "warning", "slow"),
        ("Traceback (most recent call last):", "", "info", "Traceback (most recent call last):"),
        ("{not json", "", "info", "{not json"),
    ],
)
def test_lines_of_servers_are_understood(line: str, at: str, level: str, event: str) -> None:
    assert entry("part", line) == Entry("part", at, level, event)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "it said nothing"),
        (["", "  "], "it said nothing"),
        (["one", "ModuleNotFoundError: No module named 'x'"], "ModuleNotFoundError: No module named 'x'"),
        (['{"level":"error","event":"cannot serve","error":"no flag"}', '{"event":"bye"}'], "cannot serve: no flag"),
        (['{"level":"error","event":"failed","exception":"Traceback\\nKeyError: 1"}'], "failed: KeyError: 1"),
    ],
)
def test_reason_is_the_last_grave_thing_that_was_said(lines: list[str], sentence: str) -> None:
    assert reason(lines) == sentence


def test_entries_of_several_parts_come_in_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text('{"timestamp":"2026-01-01T00:00:01Z","event":"1"}\n  its second line\n')
    (tmp_path / "b.log").write_text('{"timestamp":"2026-01-01T00:00:00Z","event":"0"}\nunfinished')
    found = last_entries(find_logs(tmp_path, []), 10, anything)
    assert [each.event for each in found] == ["0", "1", "  its second line"]
    assert [each.event for each in last_entries(find_logs(tmp_path, []), 1, anything)] == ["  its second line"]
    assert last_entries(find_logs(tmp_path, ["b"]), 0, anything) == []


def test_log_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(journal.NoLogError, match="nothing was ever started there"):
        find_logs(tmp_path, [])
    (tmp_path / "auth.log").touch()
    with pytest.raises(journal.NoLogError, match=r"'boks' has no log in .*; there are: auth\."):
        find_logs(tmp_path, ["boks"])


@pytest.mark.parametrize(
    ("trace", "level", "fields", "entry_level", "expected"),
    [
        ("", "info", {}, "info", True),
        ("", "warning", {}, "info", False),
        ("", "warning", {}, "error", True),
        ("", "info", {}, "debug", False),
        ("abc", "info", {"trace_id": "abc"}, "info", True),
        ("abc", "info", {"request_id": "abc"}, "info", True),
        ("abc", "info", {"trace_id": "abd"}, "error", False),
    ],
)
def test_filter(trace: str, level: str, fields: dict[str, str], entry_level: str, expected: bool) -> None:  # noqa: FBT001
    assert filter_for(trace=trace, level=level)(Entry("auth", "", entry_level, "x", fields)) is expected


def test_following_shows_what_is_added_also_after_the_log_began_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "auth.log"
    log.write_text("old\n")
    writes = iter(["old\nnew\nhal", "old\nnew\nhalf\n", "anew\n"])
    monkeypatch.setattr("tradewind.journal.time.sleep", lambda _: log.write_text(next(writes)))
    entries = follow({"auth": log}, anything)
    assert [next(entries).event for _ in range(3)] == ["new", "half", "anew"]


def test_large_log_becomes_the_old_one_while_its_part_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LARGEST_BYTES", 10)
    log = tmp_path / "auth.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"more than ten bytes\n")
        keep_within_bounds(tmp_path)
        writer.write(b"next\n")
    assert log.read_text() == "next\n"
    assert (tmp_path / "auth.log.old").read_text() == "more than ten bytes\n"
    keep_within_bounds(tmp_path)
    assert log.read_text() == "next\n"
