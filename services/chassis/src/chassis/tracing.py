"""Spans over OTLP, when an endpoint is configured; without one there are no spans, and nothing is imported.

Server spans are FastAPI's own (without a span per operation); ``span`` makes those of calls, statements and events, and
of what is served past FastAPI.
The W3C ids themselves are in ``context`` and exist in any case.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from chassis import context
from chassis.asgi import QUIET_PATHS
from chassis.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_provider: "TracerProvider | None" = None
_tracer: "Tracer | None" = None


def configure(settings: TracingSettings, *, service: str, version: str) -> Any:
    """Return the ``telemetry`` argument for FastAPI, and make ``span`` work if an endpoint is set."""
    off: dict[str, Any] = {"metrics": False, "logs": False, "auto_configure": False, "operation_spans": False}
    if settings.otlp_endpoint is None:
        return {**off, "tracing": False}
    global _provider, _tracer  # noqa: PLW0603 - one exporter per process, as OpenTelemetry has it
    _provider = _make_provider(settings.otlp_endpoint, service=service, version=version)
    _tracer = _provider.get_tracer("chassis")
    return {
        **off,
        "tracing": True,
        "tracer_provider": _provider,
        "exclude": lambda scope: scope.get("path") in QUIET_PATHS,
    }


def _make_provider(endpoint: str, *, service: str, version: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

    # The request middleware decides for new traces and writes the decision into traceparent, so that logs, events and
    # spans agree; here it is only followed.
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.version": version}),
        sampler=ParentBased(root=ALWAYS_OFF),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


@contextmanager
def span(
    name: str, kind: Literal["server", "client", "producer", "consumer", "internal"], **attributes: str
) -> Iterator[None]:
    """Record a span around the block; the block's context becomes its child, also in outgoing headers and events."""
    if _tracer is None:
        yield
        return
    from opentelemetry import trace

    parent = None
    if not trace.get_current_span().get_span_context().is_valid:
        parent = trace.set_span_in_context(trace.NonRecordingSpan(_remote(context.current())))
    started = _tracer.start_as_current_span(
        name, context=parent, kind=trace.SpanKind[kind.upper()], attributes=attributes
    )
    with started as recorded:
        own = f"{recorded.get_span_context().span_id:016x}"
        with context.working(replace(context.current(), span_id=own)):
            yield


def note(name: str, value: str | int) -> None:
    """Say more about the span under way, if there is one."""
    if _tracer is not None:
        from opentelemetry import trace

        trace.get_current_span().set_attribute(name, value)


def _remote(work: context.WorkContext) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        trace_id=int(work.trace_id, 16),
        span_id=int(work.parent_id or work.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if work.sampled else TraceFlags.DEFAULT),
    )


def flush() -> None:
    """Send what is waiting; called when the service stops."""
    if _provider is not None:
        _provider.force_flush(timeout_millis=2000)
