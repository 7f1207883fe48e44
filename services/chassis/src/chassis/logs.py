"""One JSON object a line, with the ids of the work under way on each.

A server writes to standard output, which is its log; a command to standard error, because its output is its answer.

Fields of every line: ``timestamp`` (RFC 3339, UTC), ``level``, ``event``, ``service``, ``version``, and where there is
work under way ``trace_id``, ``span_id``, ``request_id``. Never log personal data or secrets: log ids.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from chassis import context
from chassis.settings import LogSettings

Logger = FilteringBoundLogger


def get(name: str) -> Logger:
    """Return a logger whose lines carry ``component: name``."""
    logger: Logger = structlog.get_logger(component=name)
    return logger


def configure(settings: LogSettings, *, service: str, version: str, stream: TextIO | None = None) -> None:
    """Send our lines, and the rare ones of libraries, to ``stream`` (standard output) in one form."""
    binary = stream.buffer if stream else cast("BinaryIO", _StandardOutput())
    stream = stream or sys.stdout

    def identify(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"], event["version"] = service, version
        if work := context.started():
            event["trace_id"], event["span_id"], event["request_id"] = work.trace_id, work.span_id, work.request_id
        return event

    shared: list[Processor] = [structlog.processors.add_log_level, _timestamp, identify]
    human = settings.format == "console"
    structlog.configure(
        processors=[*shared, *_rendering(stream, human=human)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream) if human else structlog.BytesLoggerFactory(binary),
        cache_logger_on_first_use=True,
    )
    _route_standard_library(shared, stream, human=human)


class _StandardOutput:
    """Standard output as it is when a line is written: loggers outlive the one that pytest makes for each test."""

    def write(self, line: bytes) -> int:
        return sys.stdout.buffer.write(line)

    def flush(self) -> None:
        sys.stdout.buffer.flush()


def _timestamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _rendering(stream: TextIO, *, human: bool) -> list[Processor]:
    if human:
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]


def _to_json(event: EventDict, **_options: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _route_standard_library(shared: list[Processor], stream: TextIO, *, human: bool) -> None:
    """Give lines of uvicorn, Alembic and their like the same form; the slow formatter is fine for a rare line."""
    rendering = _rendering(stream, human=human)
    if not human:
        rendering[-1] = lambda _logger, _method, event: _to_json(event).decode()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
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
