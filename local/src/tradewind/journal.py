"""What the parts write to their log files: kept within bounds, read back as entries, shown legibly.

Services write JSON lines; PostgreSQL and NATS have formats of their own. All times are shown in UTC.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from tradewind.errors import TradewindError

LARGEST_BYTES = 16_000_000
"""A log that has grown beyond this becomes its part's one old log."""

_LEVELS = ("debug", "info", "warning", "error", "critical")
_TAIL_BYTES = 1_000_000
_FOLLOW_SECONDS = 0.2
_COLOURS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}
_HIDDEN = ("timestamp", "level", "event", "service", "version", "span_id", "logger", "component")
_REQUEST_FIELDS = ("method", "path", "route", "status", "duration_ms")
_POSTGRES = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) UTC \[\d+\] (?:\S*@\S* )?(\w+):\s+(.*)")
_POSTGRES_LEVELS = {"WARNING": "warning", "ERROR": "error", "FATAL": "error", "PANIC": "critical"}
_NATS = re.compile(r"\[\d+\] (\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d\.\d{3,6}) \[(\w+)\] (.*)")
_NATS_LEVELS = {"WRN": "warning", "ERR": "error", "FTL": "critical", "DBG": "debug", "TRC": "debug"}


class NoLogError(TradewindError):
    """There is no such log."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a part said; ``at`` sorts, and is empty where nobody knows."""

    part: str
    at: str
    level: str
    event: str
    fields: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> str:
        """Return it as one line, or more where it holds a traceback."""
        rest = "  ".join(f"{name}={_shown(value)}" for name, value in self.fields.items() if name != "exception")
        level = click.style(f"{self.level:<8}", fg=_COLOURS.get(self.level))
        line = f"{self.at[11:23]:<12}  {level}{self.part:<12}{self.event}"
        line += f"  {click.style(rest, dim=True)}" if rest else ""
        return f"{line}\n{self.fields['exception']}" if "exception" in self.fields else line


def _shown(value: object) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value)


def entry(part: str, line: str) -> Entry:
    """Read one line of a part's log, whoever wrote it."""
    if line.startswith("{"):
        try:
            return _from_json(part, json.loads(line))
        except ValueError:
            pass
    if match := _POSTGRES.fullmatch(line):
        return Entry(part, f"{match[1]}T{match[2]}", _POSTGRES_LEVELS.get(match[3], "info"), match[4])
    if match := _NATS.fullmatch(line):
        year, month, day, clock, level, said = match.groups()
        return Entry(part, f"{year}-{month}-{day}T{clock}", _NATS_LEVELS.get(level, "info"), said)
    return Entry(part, "", "info", line)


def _from_json(part: str, document: dict[str, Any]) -> Entry:
    fields = {name: value for name, value in document.items() if name not in _HIDDEN}
    if fields.get("request_id") == fields.get("trace_id"):
        fields.pop("request_id", None)  # It was made from the trace, and finds the same lines.
    event = str(document.get("event", ""))
    if all(name in fields for name in _REQUEST_FIELDS):
        request = {name: fields.pop(name) for name in _REQUEST_FIELDS}
        event = "{method} {path} → {status} in {duration_ms} ms".format(**request)
    return Entry(
        part=part,
        at=str(document.get("timestamp", "")),
        level=str(document.get("level", "info")),
        event=event,
        fields=fields,
    )


def reason(lines: Sequence[str]) -> str:
    """Return what a part's last words say about its end, as half a sentence."""
    said = [entry("", line) for line in lines if line.strip()]
    if not said:
        return "it said nothing"
    grave = [each for each in said if each.level in ("error", "critical")]
    last = (grave or said)[-1]
    error = last.fields.get("error") or str(last.fields.get("exception", "")).strip().rpartition("\n")[2]
    return f"{last.event}: {error}" if error else last.event.strip()


def find_logs(folder: Path, parts: Iterable[str]) -> dict[str, Path]:
    """Return the log files of ``parts``, of all parts if none is named.

    Raises:
        NoLogError: One of them has none.
    """
    there = {log.stem: log for log in sorted(folder.glob("*.log"))}
    if not there:
        raise NoLogError(f"There are no logs in {folder}: nothing was ever started there.")
    if missing := [part for part in parts if part not in there]:
        raise NoLogError(f"{missing[0]!r} has no log in {folder}; there are: {', '.join(there)}.")
    return {part: there[part] for part in parts} or there


def filter_for(*, trace: str, level: str) -> Callable[[Entry], bool]:
    """Return what tells whether an entry is of a trace (any, if empty), and grave enough."""
    least = _LEVELS.index(level)

    def wanted(each: Entry) -> bool:
        grave = _LEVELS.index(each.level) if each.level in _LEVELS else least
        return grave >= least and (not trace or trace in (each.fields.get("trace_id"), each.fields.get("request_id")))

    return wanted


def keep_within_bounds(folder: Path) -> None:
    """Make each large log its part's old one; a part that is writing goes on in a file that begins anew."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST_BYTES:
            log.with_suffix(".log.old").write_bytes(log.read_bytes())
            with log.open("r+b") as opened:
                opened.truncate()


def last_entries(logs: dict[str, Path], count: int, wanted: Callable[[Entry], bool]) -> list[Entry]:
    """Return the newest ``count`` wanted entries of several logs, oldest first."""
    found: list[Entry] = []
    for part, log in logs.items():
        found += [each for each in _dated(part, _tail(log)) if wanted(each)]
    return sorted(found, key=lambda each: each.at)[-count:] if count else []


def follow(logs: dict[str, Path], wanted: Callable[[Entry], bool]) -> Iterator[Entry]:
    """Yield wanted entries as they are written, for ever."""
    positions = {part: log.stat().st_size if log.exists() else 0 for part, log in logs.items()}
    while True:
        fresh: list[Entry] = []
        for part, log in logs.items():
            lines, positions[part] = _complete_lines_after(log, positions[part])
            fresh += [each for each in _dated(part, lines) if wanted(each)]
        yield from sorted(fresh, key=lambda each: each.at)
        time.sleep(_FOLLOW_SECONDS)


def _dated(part: str, lines: Iterable[str]) -> Iterator[Entry]:
    """Read lines; one without a time belongs to the one before it, and takes its time."""
    at = ""
    for line in lines:
        found = entry(part, line)
        at = found.at or at
        yield found if found.at else Entry(part, at, found.level, found.event, found.fields)


def _tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    size = log.stat().st_size
    lines, _ = _complete_lines_after(log, max(0, size - _TAIL_BYTES))
    return lines[1:] if size > _TAIL_BYTES else lines


def _complete_lines_after(log: Path, position: int) -> tuple[list[str], int]:
    """Return the finished lines from ``position`` on, and the position after them."""
    if not log.exists():
        return [], 0
    if log.stat().st_size < position:
        position = 0  # It was begun anew.
    with log.open("rb") as opened:
        opened.seek(position)
        read = opened.read()
    finished, newline, _ = read.rpartition(b"\n")
    return finished.decode(errors="replace").splitlines(), position + len(finished) + len(newline)
