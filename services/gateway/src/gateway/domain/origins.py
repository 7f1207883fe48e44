"""Which web pages may call the API from a browser, and what browsers are told (the Fetch standard's CORS protocol)."""

from collections.abc import Sequence

from gateway.domain.forwarding import Fields

_EXPOSED = b"ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_ALLOWED_HEADERS = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, "
    b"X-API-Key, X-Request-ID, X-Request-Timeout-Ms, traceparent, tracestate"
)
_MAX_AGE = b"600"


class Origins:
    """The allowed origins, written as browsers send them (``https://shop.example``); none by default.

    Credentials are never allowed: tokens travel in ``Authorization``, not in cookies.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed = frozenset(each.encode() for each in allowed)

    def fields(self, origin: bytes | None) -> Fields:
        """Return what any answer to a page of ``origin`` carries."""
        if not self._allowed:
            return []
        vary = (b"vary", b"Origin")
        if origin not in self._allowed or origin is None:
            return [vary]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED), vary]

    def preflight(self, origin: bytes | None, methods: Sequence[str]) -> Fields:
        """Return what the answer to a preflight request carries besides ``fields``; nothing for other origins."""
        if origin not in self._allowed:
            return []
        return [
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _MAX_AGE),
        ]
