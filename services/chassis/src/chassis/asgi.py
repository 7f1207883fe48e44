"""The one middleware around a service: context, deadline, body limit, request id, metrics, access log, last resort.

Pure ASGI and outermost, so that it sees every answer, and a request costs one extra call instead of five.
"""

import time
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import context, logs, metrics
from chassis.card_numbers import may_be_logged
from chassis.errors import DeadlineExceededError, InternalError, ServiceError
from chassis.problems import ContentTooLargeError, send_problem

QUIET_PATHS = frozenset({"/livez", "/readyz"})
"""Probes: answered every few seconds, logged and measured never."""

_SUCCESS = range(200, 400)


class RequestMiddleware:
    """Gives each request its context, and leaves one access line and one measurement behind.

    Args:
        app: What answers.
        access_sample: Share of successful requests whose access line is written; chosen by trace id, so that a trace
            has all of its lines or none. Everything else is always logged.
        tracing_ratio: Share of new traces that are sampled; a trace that comes in has decided already.
        request_timeout_seconds: The longest deadline a caller may set, and the one of a caller that sets none.
        max_body_bytes: What a request's body may have; FastAPI's own limit answers in plain text.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access_sample: float = 1.0,
        tracing_ratio: float | None = None,
        request_timeout_seconds: float = 15.0,
        max_body_bytes: int = 1_048_576,
    ) -> None:
        self.app = app
        self._log = logs.get("access")
        self._logged = int(access_sample * 0x100000000)
        self._traced = None if tracing_ratio is None else int(tracing_ratio * 0x100000000)
        self._timeout = request_timeout_seconds
        self._max_body = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or scope["path"] in QUIET_PATHS:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        found = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _INTERESTING}
        work = self._begin(scope, found)
        answer = _Answer(send, work.request_id)
        with context.working(work):
            try:
                refusal = self._refusal(found, work)
                if refusal is not None and scope["type"] == "http":
                    await send_problem(answer, refusal, scope=scope)
                else:
                    if b"transfer-encoding" in found:
                        receive = _Bounded(receive, self._max_body)
                    await self._answer(scope, receive, answer)
            finally:
                self._finish(scope, answer, work, time.perf_counter() - started)

    def _begin(self, scope: Scope, found: dict[bytes, str]) -> context.WorkContext:
        work = context.continue_trace(
            found.get(b"traceparent"),
            tracestate=found.get(b"tracestate", ""),
            request_id=_unless_card_number(found.get(b"x-request-id", "")),
            deadline=time.monotonic() + self._patience(found),
        )
        if self._traced is not None:
            if not work.parent_id:
                work = replace(work, sampled=int(work.trace_id[8:16], 16) < self._traced)
            _continue_in(scope, work)
        return work

    def _patience(self, found: dict[bytes, str]) -> float:
        """Return how long the caller waits, in seconds, never more than the service allows."""
        patience = self._timeout
        for name in _PATIENCE:
            if (given := found.get(name)) and given.isascii() and given.isdigit():
                patience = min(patience, int(given[:9]) / 1000)
        return patience

    def _refusal(self, found: dict[bytes, str], work: context.WorkContext) -> ServiceError | None:
        """Return why the request is not even begun, or None."""
        length = found.get(b"content-length")
        if length and (not length.isdecimal() or int(length[:19]) > self._max_body):
            return ContentTooLargeError(f"At most {self._max_body} bytes, please.")
        if (work.remaining_seconds() or 0) <= 0:
            return DeadlineExceededError("Nobody waits for this any more.")
        return None

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self.app(scope, receive, answer)
        except Exception:  # noqa: BLE001 - the last resort: nothing above this answers the client
            self._log.exception("unhandled error", method=scope.get("method"), path=_shown(scope))
            if scope["type"] == "http" and not answer.status:
                await send_problem(answer, InternalError(), scope=scope)

    def _finish(self, scope: Scope, answer: "_Answer", work: context.WorkContext, seconds: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        route = getattr(scope.get("route"), "path", "unmatched")
        status = answer.status or _CLIENT_CLOSED_REQUEST
        metrics.observe_request(method, route, status, seconds)
        if status in _SUCCESS and int(work.trace_id[:8], 16) >= self._logged:
            return
        self._log.info(
            "request",
            method=method,
            path=_shown(scope),
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            **scope.get("log", {}),
        )


_CLIENT_CLOSED_REQUEST = 499
"""What nginx made customary for a client that went away before an answer began."""

_PATIENCE = (b"x-request-timeout-ms", b"x-envoy-expected-rq-timeout-ms")
_INTERESTING = frozenset(
    {
        b"content-length",
        b"transfer-encoding",
        b"traceparent",
        b"tracestate",
        b"x-request-id",
        b"x-request-timeout-ms",
        b"x-envoy-expected-rq-timeout-ms",
    }
)


class _Bounded:
    """A ``receive`` that counts a body whose length was not announced."""

    __slots__ = ("_left", "_limit", "_receive")

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = self._limit = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, f"At most {self._limit} bytes, please.")
        return message


class _Answer:
    """A ``send`` that remembers the status and adds ``X-Request-ID``."""

    __slots__ = ("_request_id", "_send", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", self._request_id)]}
        elif kind == "websocket.accept":
            self.status = 101
        await self._send(message)


def _shown(scope: Scope) -> str:
    """Return the path for a log line; of one that somebody typed a card's number into, nothing."""
    path: str = scope["path"]
    return path if may_be_logged(path) else "(withheld)"


def _unless_card_number(request_id: str) -> str | None:
    return request_id if may_be_logged(request_id) else None


def _continue_in(scope: Scope, work: context.WorkContext) -> None:
    """Let the server span, which reads the headers, continue the same trace with the same decision."""
    kept = [pair for pair in scope["headers"] if pair[0] != b"traceparent"]
    scope["headers"] = [*kept, (b"traceparent", work.traceparent.encode())]
