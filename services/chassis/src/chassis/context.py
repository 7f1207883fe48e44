"""What travels with a piece of work: who asked (ids), in which trace, and how long anybody waits for it.

One context variable, set for each request (by the middleware), each event (by the consumer) and each job. Logs,
problems, outgoing calls and outbox rows read it, so all of them name the same trace whether or not tracing is on.

Sources: W3C Trace Context (level 1); Envoy's ``x-envoy-expected-rq-timeout-ms``.
"""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}")


def new_trace_id() -> str:
    """Return 32 random hexadecimal digits; they have to be unique, not secret, and this costs no system call."""
    return f"{random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return 16 random hexadecimal digits."""
    return f"{random.getrandbits(64) or 1:016x}"


@dataclass(frozen=True, slots=True)
class WorkContext:
    """The identity of one piece of work.

    ``parent_id`` is the span that caused it, empty for the first of a trace. ``deadline`` is a reading of
    ``time.monotonic()`` in seconds, or None where nobody set one.
    """

    trace_id: str = field(default_factory=new_trace_id)
    span_id: str = field(default_factory=new_span_id)
    parent_id: str = ""
    request_id: str = ""
    sampled: bool = False
    tracestate: str = ""
    deadline: float | None = None

    @property
    def traceparent(self) -> str:
        """The W3C header that makes this piece of work the parent."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def remaining_seconds(self) -> float | None:
        """Return what is left until the deadline, negative when it has passed, None when there is none."""
        return None if self.deadline is None else self.deadline - time.monotonic()


_current: ContextVar[WorkContext | None] = ContextVar("chassis_work", default=None)


def current() -> WorkContext:
    """Return the context of the work under way; outside of any, a new one of its own."""
    return _current.get() or WorkContext()


def started() -> WorkContext | None:
    """Return the context of the work under way, or None outside of any."""
    return _current.get()


class working:  # noqa: N801 - reads as a verb where it is used; a class, because every request enters it
    """Make ``context`` the current one for the block."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: WorkContext) -> None:
        self._context = context

    def __enter__(self) -> WorkContext:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


@contextmanager
def deadline_in(seconds: float) -> Iterator[WorkContext]:
    """Bound the block's work; an earlier deadline that is already set stays."""
    context = current()
    at = time.monotonic() + seconds
    if context.deadline is not None:
        at = min(at, context.deadline)
    with working(replace(context, deadline=at)) as bounded:
        yield bounded


def continue_trace(
    traceparent: str | None, *, tracestate: str = "", request_id: str | None = None, deadline: float | None = None
) -> WorkContext:
    """Make a child of the trace that ``traceparent`` names; an absent or ill-formed one starts a new trace.

    An ill-formed or absent ``request_id`` is replaced by the trace id, so that both find the same lines.
    """
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is not None and not (match[1].strip("0") and match[2].strip("0")):
        match = None
    trace_id = match[1] if match else new_trace_id()
    return WorkContext(
        trace_id=trace_id,
        parent_id=match[2] if match else "",
        request_id=request_id if request_id and _REQUEST_ID.fullmatch(request_id) else trace_id,
        sampled=match is not None and int(match[3], 16) & 1 == 1,
        tracestate=tracestate if match else "",
        deadline=deadline,
    )


def outgoing_headers() -> dict[str, str]:
    """Return the headers that carry the current context to the next service, names in lower case.

    The deadline goes as milliseconds left (``x-request-timeout-ms``), never as an instant: clocks differ.
    """
    context = current()
    headers = {"traceparent": context.traceparent}
    if context.request_id:
        headers["x-request-id"] = context.request_id
    if context.tracestate:
        headers["tracestate"] = context.tracestate
    remaining = context.remaining_seconds()
    if remaining is not None:
        headers["x-request-timeout-ms"] = str(max(0, int(remaining * 1000)))
    return headers
