"""One JSON object a line, with the ids of the work under way on each.

A server writes to standard output, which is its log; a command to standard error, because its output is its answer.

Fields of every line: ``timestamp`` (RFC 3339, UTC), ``level``, ``event``, ``service``, ``version``, and where there is
work under way ``trace_id``, ``span_id``, ``request_id``. Never log personal data or secrets: log ids.
"""

import logging
import sys
import time
from typing import Self, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from chassis import context
from chassis.settings import LogSettings

Logger = FilteringBoundLogger
CACHED = True
"""Whether a logger keeps the configuration it was first used with; tests configure more than once in a process."""


def get(name: str) -> Logger:
    """Return a logger whose lines carry ``component: name``."""
    logger: Logger = structlog.get_logger(component=name)
    return logger


def configure(settings: LogSettings, *, service: str, version: str, stream: TextIO | None = None) -> None:
    """Send our lines, and the rare ones of libraries, to ``stream`` (standard output) in one form."""
    output = _Output(stream)
    stream = stream or sys.stdout
    human = settings.format == "console"

    # One step for what could be four: each would cost every request.
    def annotate(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["level"], event["timestamp"] = method, _now()
        event["service"], event["version"] = service, version
        if work := context.started():
            event["trace_id"], event["span_id"], event["request_id"] = work.trace_id, work.span_id, work.request_id
        return event

    structlog.configure(
        processors=[annotate, *_human_rendering(stream)] if human else [annotate, _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream) if human else output.logger,
        cache_logger_on_first_use=CACHED,
    )
    _route_standard_library(annotate, stream, human=human)


class _Output:
    """Where lines go, a line in one write; without a stream, standard output as it is when a line is written.

    Loggers outlive the standard output that pytest makes for each test.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def logger(self, *_names: str) -> Self:
        """Be the logger of every name."""
        return self

    def write(self, line: bytes) -> None:
        """Write a line out at once: who dies has said all it had to say."""
        binary = (self._stream or sys.stdout).buffer
        binary.write(line + b"\n")
        binary.flush()

    debug = info = warning = error = critical = write


class _Clock:
    """The second that was last asked for, as text: formatting it anew for each line costs more than the JSON."""

    second = 0
    text = ""


def _now() -> str:
    """Return the time in UTC to the millisecond (RFC 3339)."""
    milliseconds = time.time_ns() // 1_000_000
    second, fraction = divmod(milliseconds, 1000)
    if second != _Clock.second:
        _Clock.second, _Clock.text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{_Clock.text}.{fraction:03d}Z"


def _human_rendering(stream: TextIO) -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def _to_json(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, method, event)
    return orjson.dumps(event, default=str)


def _route_standard_library(annotate: Processor, stream: TextIO, *, human: bool) -> None:
    """Give lines of uvicorn, Alembic and their like the same form; the slow formatter is fine for a rare line."""

    def as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
        return _to_json(logger, method, event).decode()

    rendering = _human_rendering(stream) if human else [as_json]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, annotate],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = logging.StreamHandler[TextIO](stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
