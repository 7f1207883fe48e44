"""One request on its way through the gateway: what was asked, by whom, and what its answer will carry besides."""

from urllib.parse import quote_from_bytes, unquote

from starlette.types import Scope

from chassis.addresses import UNKNOWN, TrustedProxies
from chassis.errors import MalformedError
from chassis.problems import HeadersTooLargeError
from chassis.ratelimit import Decision
from chassis.security import Principal
from gateway.api.policies import Policy
from gateway.domain.forwarding import Field, Fields
from gateway.domain.paths import is_normal, normal_form
from gateway.domain.routes import Route

_LARGEST_HEAD_BYTES = 32_768
_MOST_FIELDS = 100
_SINGLE = frozenset(
    {b"authorization", b"x-api-key", b"content-type", b"host", b"idempotency-key", b"if-match", b"origin", b"expect"}
)
_PRINTABLE = bytes(range(0x21, 0x7F))


class Exchange:
    """A request, read once: each layer adds what it found out.

    ``found`` has one value per header name. ``path`` is in normal form, ``target`` adds the query. ``extra`` is
    what every answer to this request carries, a refusal too; ``counted`` the limit it was last counted against.
    """

    __slots__ = (
        "address",
        "authorization",
        "counted",
        "extra",
        "fields",
        "found",
        "host",
        "method",
        "path",
        "principal",
        "route",
        "scheme",
        "target",
    )

    route: Route
    """Set once it is known that there is one."""

    def __init__(self, scope: Scope, proxies: TrustedProxies, path: str) -> None:
        self.fields: list[Field] = scope["headers"]
        self.found = found = dict(self.fields)
        self.method: str = scope.get("method", "GET")
        self.path = path
        query: bytes = scope["query_string"]
        self.target = f"{path}?{_escaped(query)}" if query else path
        peer = scope.get("client")
        self.address: str = peer[0] if peer else UNKNOWN
        self.scheme: str = scope["scheme"]
        self.host = found.get(b"host", b"")
        self.extra: Fields = []
        self.counted: tuple[Policy, Decision] | None = None
        self.principal: Principal | None = None
        self.authorization: bytes | None = None
        if proxies.knows(self.address):
            self._believe(proxies)

    def _believe(self, proxies: TrustedProxies) -> None:
        """Take the address, scheme and host that the client used from the proxy that tells of them."""
        lines = [value.decode("latin-1") for name, value in self.fields if name == b"x-forwarded-for"]
        self.address = proxies.client(self.address, ",".join(lines))
        proto = _last(self.found.get(b"x-forwarded-proto", b"")).lower()
        if proto in (b"http", b"https"):
            self.scheme = proto.decode()
        self.host = _last(self.found.get(b"x-forwarded-host", b"")) or self.host

    def check_head(self) -> None:
        """Refuse a head that is too large, or says a thing twice that can only be said once.

        Raises:
            HeadersTooLargeError: More than 100 fields or 32 KiB of them.
            MalformedError: A field is repeated that must not be: whoever reads the other one would see another request.
        """
        if len(self.fields) > _MOST_FIELDS or sum([len(name) + len(value) for name, value in self.fields]) > (
            _LARGEST_HEAD_BYTES
        ):
            raise HeadersTooLargeError(f"At most {_MOST_FIELDS} header fields and {_LARGEST_HEAD_BYTES} bytes of them.")
        if len(self.found) != len(self.fields):
            names = [name for name, _ in self.fields]
            repeated = sorted(name for name in _SINGLE if names.count(name) > 1)
            if repeated:
                raise MalformedError(f"The header {repeated[0].decode()} stands there twice.")

    def shown(self, scope: Scope) -> Scope:
        """Return the scope for the gateway's own application: with the token, where the client has sent an API key."""
        fields = self.fields
        if self.authorization is not None:
            fields = [field for field in fields if field[0] != b"authorization"]
            fields = [*fields, (b"authorization", self.authorization)]
        return {**scope, "headers": fields, "exchange": self}


def read_path(scope: Scope) -> str:
    """Return the request's path in normal form, and make it the scope's.

    Raises:
        AmbiguousPathError: It has none.
    """
    raw: bytes = scope["raw_path"]
    if is_normal(raw):
        return raw.decode("ascii")
    path = normal_form(raw)
    scope["path"], scope["raw_path"] = unquote(path), path.encode()
    return path


def _last(value: bytes) -> bytes:
    return value.rsplit(b",", 1)[-1].strip()


def _escaped(query: bytes) -> str:
    """Return a query string as it may stand in a request line: what is not printable ASCII escaped."""
    if not query.translate(None, _PRINTABLE):
        return query.decode("ascii")
    return quote_from_bytes(query, safe=_PRINTABLE)
