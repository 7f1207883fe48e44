"""A request to a service and its answer back, both unbuffered: what comes in goes out as it comes."""

import asyncio
import time
from collections.abc import Mapping

from starlette.types import Receive, Send

from chassis import context, logs, tracing
from chassis.errors import DeadlineExceededError
from gateway.api import limits
from gateway.api.exchanges import Exchange
from gateway.api.patience import ClientLeftError, Patience
from gateway.api.uploads import Upload
from gateway.domain.forwarding import Fields, to_client, to_service
from gateway.domain.ports import Answer, BrokenAnswerError, NoAnswerError, Upstream

_BODILESS = frozenset({204, 304})
_log = logs.get("proxy")


class Proxy:
    """Forwards requests to the services.

    Args:
        upstreams: By service name.
    """

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams

    async def forward(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Answer the request with what the service answers.

        A client that goes away is not answered, and the service's work for it is cancelled.

        Raises:
            ContentTooLargeError: The body is larger than the route takes.
            DeadlineExceededError: The service did not answer in the time the route, or the client, gives it.
            UnavailableError: The service is away, or broke off before it answered.
        """
        deadline = _deadline(exchange)
        patience = Patience(receive, deadline)
        try:
            answer = await self._ask(exchange, Upload(exchange, receive, patience), patience, deadline)
            try:
                await self._relay(exchange, answer, send)
            except (BrokenAnswerError, asyncio.CancelledError) as error:
                if not isinstance(error, BrokenAnswerError) and not patience.explains():
                    raise
                # What is begun cannot become an error: returning unfinished closes the client's connection.
                if not patience.left:
                    _log.warning("answer broken off", upstream=exchange.route.service, route=exchange.route.path)
            finally:
                answer.close()
        except ClientLeftError:
            pass
        finally:
            patience.end()

    async def _ask(self, exchange: Exchange, upload: Upload, patience: Patience, deadline: float | None) -> Answer:
        """Send the request, and return the answer once its head is here."""
        route = exchange.route
        upstream = self._upstreams[route.service]
        method = "GET" if exchange.method == "HEAD" and "GET" in route.methods else exchange.method
        try:
            body = await upload.body()
            return await upstream.send(method, exchange.target, request_fields(exchange, deadline), body)
        except asyncio.CancelledError:
            if not patience.explains():
                raise
            if patience.left:
                raise ClientLeftError from None
            if upload.complete and not _hurried(deadline):
                upstream.hung()
            raise DeadlineExceededError(f"{route.service} did not answer in time.") from None
        except NoAnswerError:
            # The sending side saw a broken stream, and this side knows who broke it.
            if upload.error is not None:
                raise upload.error from None
            if not upload.complete:
                raise ClientLeftError from None
            raise

    async def _relay(self, exchange: Exchange, answer: Answer, send: Send) -> None:
        """Pass the answer on, piece by piece unless all of it is here."""
        bodiless = answer.status in _BODILESS
        headers = to_client(answer.fields, base=self._upstreams[exchange.route.service].base, bodiless=bodiless)
        headers += exchange.extra
        headers += limits.fields(exchange)
        tracing.note("http.response.status_code", answer.status)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = answer.whole()
        if body is None and not bodiless and exchange.method != "HEAD":
            while piece := await answer.chunk():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": body or b""})


def _hurried(deadline: float | None) -> bool:
    """Tell whether the deadline was the client's wish rather than the route's rule."""
    return deadline is not None and deadline == context.current().deadline


def _deadline(exchange: Exchange) -> float | None:
    """Return when the answer has to be there, as ``time.monotonic()``: in the route's time, or the client's if less."""
    if exchange.route.stream:
        return None
    latest = time.monotonic() + exchange.route.timeout_seconds
    asked = context.current().deadline
    return latest if asked is None or latest < asked else asked


def request_fields(exchange: Exchange, deadline: float | None = None) -> Fields:
    """Return the fields that the service gets: the client's own that may go on, and what the gateway vouches for."""
    fields = to_service(exchange.fields, keys=exchange.route.keys, connection=exchange.found.get(b"connection"))
    return fields + vouched(exchange, deadline)


def vouched(exchange: Exchange, deadline: float | None) -> Fields:
    """Return what the gateway says about a request: who, from where, in which trace, and how long they wait."""
    work = context.current()
    fields = [
        (b"x-forwarded-for", exchange.address.encode()),
        (b"x-forwarded-proto", exchange.scheme.encode()),
        (b"x-forwarded-host", exchange.host),
        (b"traceparent", work.traceparent.encode()),
        (b"x-request-id", work.request_id.encode()),
    ]
    if work.tracestate:
        fields.append((b"tracestate", work.tracestate.encode("latin-1")))
    if deadline is not None:
        left = max(1, int((deadline - time.monotonic()) * 1000))
        fields.append((b"x-request-timeout-ms", b"%d" % left))
    if exchange.authorization is not None:
        fields.append((b"authorization", exchange.authorization))
    return fields
