"""A request to a service and its answer back, both unbuffered: what comes in goes out as it comes."""

import asyncio
import time
from collections.abc import Mapping

from starlette.types import Receive, Send

from chassis import context, logs
from chassis.errors import DeadlineExceededError
from gateway.api import hardening, limits
from gateway.api.departures import ClientLeftError, Departure
from gateway.api.exchanges import Exchange
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
        departure = Departure(receive)
        upload = Upload(exchange, receive, departure)
        deadline = _deadline(exchange)
        try:
            answer = await self._ask(exchange, upload, deadline)
            try:
                await self._relay(exchange, answer, send, deadline)
            finally:
                answer.close()
        except ClientLeftError:
            pass
        except asyncio.CancelledError:
            if not departure.happened:
                raise
            departure.settle()
        except (BrokenAnswerError, TimeoutError):
            # The answer is begun and cannot become an error: returning unfinished closes the client's connection.
            _log.warning("answer broken off", upstream=exchange.route.service, route=exchange.route.path)
        finally:
            departure.end()

    async def _ask(self, exchange: Exchange, upload: Upload, deadline: float | None) -> Answer:
        """Send the request, and return the answer once its head is here."""
        try:
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                return await self._send(exchange, upload, deadline)
        except TimeoutError:
            self._blame(exchange, upload)
            raise DeadlineExceededError(f"{exchange.route.service} did not answer in time.") from None
        except NoAnswerError:
            # The sending side saw a broken stream, and this side knows who broke it.
            if upload.error is not None:
                raise upload.error from None
            if not upload.complete:
                raise ClientLeftError from None
            raise

    async def _send(self, exchange: Exchange, upload: Upload, deadline: float | None) -> Answer:
        body = await upload.body()
        route = exchange.route
        method = exchange.method if exchange.method in route.methods else "GET"
        upstream = self._upstreams[route.service]
        return await upstream.send(method, exchange.target, request_fields(exchange, deadline), body)

    def _blame(self, exchange: Exchange, upload: Upload) -> None:
        """Count a time-out against the service, unless the client caused it: by a slow body or little patience."""
        asked = context.current().remaining_seconds()
        if upload.complete and (asked is None or asked > 0):
            self._upstreams[exchange.route.service].hung()

    async def _relay(self, exchange: Exchange, answer: Answer, send: Send, deadline: float | None) -> None:
        """Pass the answer on, piece by piece unless all of it is here."""
        bodiless = answer.status in _BODILESS
        base = self._upstreams[exchange.route.service].base
        headers = hardening.with_policy(to_client(answer.fields, base=base, bodiless=bodiless))
        headers += exchange.extra
        headers += limits.fields(exchange)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = answer.whole()
        if body is None and not bodiless and exchange.method != "HEAD":
            async with asyncio.timeout(None if deadline is None else deadline - time.monotonic()):
                while piece := await answer.chunk():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": body or b""})


def _deadline(exchange: Exchange) -> float | None:
    """Return when the answer has to be there, as ``time.monotonic()``: in the route's time, or the client's if less."""
    if exchange.route.stream:
        return None
    latest = time.monotonic() + exchange.route.timeout_seconds
    asked = context.current().deadline
    return latest if asked is None else min(latest, asked)


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
