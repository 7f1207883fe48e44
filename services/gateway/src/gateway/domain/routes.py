"""Which requests come in, where they go, and under which rules.

Patterns are exact, or a prefix of the string when they end in ``*``. The most specific pattern that knows the method
wins. Looking one up costs a dictionary access per distinct prefix length, however many routes there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chassis.errors import NotFoundError

OWN = "gateway"
"""The service of routes that the gateway answers by itself."""


class UnknownPathError(NotFoundError):
    """No service offers this path."""

    code = "not-found"
    title = "Not found"


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern and the rules for what matches it.

    ``path`` is the pattern, which is also the label in metrics and logs. ``public`` needs no token. ``limit`` names a
    class of rate limit. ``stream``: no timeout. ``keys``: whether ``Idempotency-Key`` reaches the service.
    """

    path: str
    service: str
    methods: frozenset[str]
    public: bool = False
    scopes: tuple[str, ...] = ()
    limit: str = "default"
    timeout_seconds: float = 15.0
    max_body_bytes: int = 1_048_576
    stream: bool = False
    keys: bool = True


class RouteTable:
    """Finds the route of a request. A HEAD that no route names goes where its GET goes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._prefixes: dict[str, dict[str, Route]] = {}
        for route in self.routes:
            self._add(route)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)

    def _add(self, route: Route) -> None:
        if route.path.endswith("*"):
            by_method = self._prefixes.setdefault(route.path[:-1], {})
        else:
            by_method = self._exact.setdefault(route.path, {})
        for method in route.methods:
            by_method.setdefault(method, route)
        if "HEAD" not in by_method and "GET" in by_method:
            by_method["HEAD"] = by_method["GET"]

    @property
    def services(self) -> frozenset[str]:
        """Every service that some route leads to, which may be the gateway itself."""
        return frozenset(route.service for route in self.routes)

    @property
    def limits(self) -> frozenset[str]:
        """Every class of rate limit that some route is in."""
        return frozenset(route.limit for route in self.routes)

    def find(self, method: str, path: str) -> Route | None:
        """Return the route of a request, or None; ``path`` is in normal form."""
        by_method = self._exact.get(path)
        if by_method is not None and method in by_method:
            return by_method[method]
        for length in self._lengths:
            by_method = self._prefixes.get(path[:length])
            if by_method is not None and method in by_method:
                return by_method[method]
        return None

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path takes, sorted; empty where no route knows the path."""
        found = set(self._exact.get(path, ()))
        for length in self._lengths:
            found.update(self._prefixes.get(path[:length], ()))
        return sorted(found | {"OPTIONS"}) if found else []

    def exposes(self, path: str, method: str, service: str) -> bool:
        """Tell whether a request of this shape reaches ``service``; ``path`` may hold ``{placeholders}``."""
        route = self.find(method, path)
        return route is not None and route.service == service
