"""The route file, as ``hack/generate.py`` writes it from the services' ``service.yaml``."""

from pathlib import Path
from typing import Any

import yaml

from chassis import manifest
from gateway.domain.routes import Route, RouteTable

DEFAULT = Path(__file__).parents[1] / "routes.yaml"


def load(path: Path = DEFAULT) -> tuple[RouteTable, dict[str, str]]:
    """Read the route table, and what each scope that a route wants is for.

    Raises:
        ValueError: The file describes no routes; the sentence names it.
    """
    try:
        document: dict[str, Any] = yaml.safe_load(path.read_text())
        routes = [route for entry in document["routes"] for route in _read(entry)]
        return RouteTable(routes), dict(document.get("scopes") or {})
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error!r}") from error


def _read(entry: dict[str, Any]) -> list[Route]:
    service = entry.pop("service")
    declared = manifest.Route.model_validate(entry)
    return [
        Route(
            path=path,
            service=service,
            methods=frozenset(declared.methods),
            public=declared.auth == "none",
            scopes=tuple(declared.scopes),
            limit=declared.limit,
            timeout_seconds=declared.timeout_seconds,
            max_body_bytes=declared.max_body_bytes,
            stream=declared.stream,
            keys=declared.keys,
        )
        for path in declared.paths
    ]
