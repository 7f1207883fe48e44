"""What of a message goes on to the other side: the rules for header fields, both ways.

Fields are ``(name, value)`` pairs of bytes, names in lower case, as ASGI has them. Dropped are hop-by-hop fields (also
those that ``Connection`` names), whatever only the gateway may say, and on the way back whatever only the gateway
answers for. Sources: RFC 9110, section 7.6; RFC 9112, section 6.
"""

from collections.abc import Iterable
from functools import lru_cache

Field = tuple[bytes, bytes]
Fields = list[Field]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

OWN_TO_SERVICES = frozenset(
    {
        b"host",
        b"expect",
        b"x-api-key",
        b"forwarded",
        b"x-real-ip",
        b"x-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"x-cluster-client-ip",
        b"x-original-url",
        b"x-original-host",
        b"x-rewrite-url",
        b"x-http-method-override",
        b"x-http-method",
        b"x-method-override",
        b"x-request-id",
        b"x-request-timeout-ms",
        b"traceparent",
        b"tracestate",
        b"baggage",
    }
)
"""What the gateway says itself, and what proxies and frameworks are known to believe."""

OWN_TO_CLIENTS = frozenset(
    {
        b"server",
        b"date",
        b"x-powered-by",
        b"x-request-id",
        b"x-request-timeout-ms",
        b"traceparent",
        b"tracestate",
        b"x-content-type-options",
        b"x-frame-options",
        b"referrer-policy",
        b"strict-transport-security",
        b"ratelimit",
        b"ratelimit-policy",
    }
)
"""What the gateway answers for: a service's own word on it would contradict or double."""

_PRIVATE_REQUEST = (b"x-forwarded-", b"x-envoy-", b"x-internal-", b"x-b3-", b"l5d-", b"proxy-")
_PRIVATE_RESPONSE = (b"x-envoy-", b"x-internal-", b"access-control-", b"l5d-", b"proxy-")
_HANDSHAKE = (b"sec-websocket-",)
_KEY = frozenset({b"idempotency-key"})
_POLICY: Field = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""For answers that are data: nothing in them is to be loaded, run or framed."""


class Filter:
    """Which fields pass, remembered by name: the same dozen names come with every message.

    Args:
        dropped: Names that do not pass.
        prefixes: Beginnings of names that do not.
    """

    _MOST_NAMES = 1024

    def __init__(self, dropped: frozenset[bytes], prefixes: tuple[bytes, ...]) -> None:
        self._dropped = dropped
        self._prefixes = prefixes
        self._known: dict[bytes, bytes] = {}

    def __call__(self, fields: Iterable[Field]) -> Fields:
        """Return the fields that pass, their names in lower case."""
        known = self._known
        passed: Fields = []
        for name, value in fields:
            lower = known.get(name)
            if lower is None:
                lower = self._look_up(name)
            if lower:
                passed.append((lower, value))
        return passed

    def _look_up(self, name: bytes) -> bytes:
        lower = name.lower()
        if lower in self._dropped or lower.startswith(self._prefixes):
            lower = b""
        if len(self._known) < self._MOST_NAMES:
            self._known[name] = lower
        return lower


_passing_in = Filter(HOP_BY_HOP | OWN_TO_SERVICES, _PRIVATE_REQUEST)
# What these two drop is dropped below, because it decides about other fields.
_passing_out = Filter((HOP_BY_HOP | OWN_TO_CLIENTS) - {b"connection"}, _PRIVATE_RESPONSE)


def to_service(fields: Iterable[Field], *, keys: bool, connection: bytes | None = None) -> Fields:
    """Return the fields of a request that go on to a service.

    Args:
        keys: Whether ``Idempotency-Key`` is among them.
        connection: The value of ``Connection``, if there was one.
    """
    passed = _passing_in(fields)
    dropped = frozenset() if connection is None else named_by(connection)
    if not keys:
        dropped |= _KEY
    return [field for field in passed if field[0] not in dropped] if dropped else passed


def to_websocket(fields: Iterable[Field], *, connection: bytes | None) -> Fields:
    """Return the fields of a WebSocket handshake that go on; those of the handshake itself are made anew."""
    return [
        each for each in to_service(fields, keys=False, connection=connection) if not each[0].startswith(_HANDSHAKE)
    ]


def to_client(fields: Iterable[Field], *, base: bytes, bodiless: bool) -> Fields:
    """Return the fields of a service's answer that go on to the client, names in lower case, with a content policy.

    Args:
        base: The service's own address, ``http://customers``; a ``Location`` there becomes one without it.
        bodiless: The status allows no body (204, 304), so there is no length either.
    """
    passed = _passing_out(fields)
    found = dict(passed)
    dropped = frozenset() if b"connection" not in found else named_by(found[b"connection"]) | {b"connection"}
    if bodiless:
        dropped |= {b"content-length"}
    if dropped:
        passed = [field for field in passed if field[0] not in dropped]
    if b"location" in found:
        passed = [_public(field, base) for field in passed]
    if _POLICY[0] not in found:
        passed.append(_POLICY)
    return passed


def with_policy(fields: Fields) -> Fields:
    """Add the content policy for data, unless there is one already."""
    return fields if any(name == _POLICY[0] for name, _ in fields) else [*fields, _POLICY]


def _public(field: Field, base: bytes) -> Field:
    name, value = field
    if name == b"location" and value.startswith(base) and value[len(base) : len(base) + 1] in (b"/", b"?", b""):
        return name, value[len(base) :] or b"/"
    return field


_LASTING = frozenset({b"", b"keep-alive", b"close", b"upgrade"})


@lru_cache(maxsize=256)
def named_by(connection: bytes) -> frozenset[bytes]:
    """Return the fields that a ``Connection`` header makes hop-by-hop, lower case."""
    return frozenset(each.strip().lower() for each in connection.split(b",")) - _LASTING
