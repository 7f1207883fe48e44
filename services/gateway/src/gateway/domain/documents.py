"""One OpenAPI document from many: what the gateway lets in, as the services describe it.

Source: OpenAPI 3.1. Paths that no route leads to are left out, and schemas that nothing left refers to with them.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.routes import Route, RouteTable

Document = dict[str, Any]
_PREFIX = "#/components/schemas/"
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_TOKEN_SCHEMES = ("bearer", "apiKey", "oauth2")


def merged(parts: Mapping[str, Document], table: RouteTable, frame: Document) -> Document:
    """Return the one document.

    Args:
        parts: Each service's own document, by its name.
        table: What is let in.
        frame: What does not come from the services: ``openapi``, ``info``, ``servers``, security schemes.

    Schemas that are the same everywhere are there once; of those that only share a name, each gets its service's name
    in front.
    """
    document = copy.deepcopy(frame)
    document.setdefault("paths", {})
    document["tags"] = [_tag(service, part) for service, part in parts.items()]
    schemas: Document = {}
    ambiguous = _ambiguous(parts)
    for service, part in parts.items():
        names = {name: f"{_pascal(service)}{name}" if name in ambiguous else name for name in _schemas(part)}
        renamed = _renamed(part, {_PREFIX + old: _PREFIX + new for old, new in names.items()})
        schemas |= {names[name]: schema for name, schema in _schemas(renamed).items()}
        _add_paths(document, service, renamed, table)
    _distinguish_operations(document)
    components = document.setdefault("components", {})
    components["schemas"] = _used(document["paths"], {**components.get("schemas", {}), **schemas})
    return document


def _tag(service: str, part: Document) -> Document:
    return {"name": service, "description": part.get("info", {}).get("description", "")}


def _pascal(service: str) -> str:
    return "".join(word.capitalize() for word in service.split("-"))


def _schemas(part: Document) -> Document:
    schemas: Document = part.get("components", {}).get("schemas", {})
    return schemas


def _ambiguous(parts: Mapping[str, Document]) -> set[str]:
    """Return the schema names that mean different things, if only by what they refer to."""
    seen: dict[str, str] = {}
    ambiguous: set[str] = set()
    for part in parts.values():
        for name, schema in _schemas(part).items():
            text = json.dumps(schema, sort_keys=True)
            if seen.setdefault(name, text) != text:
                ambiguous.add(name)
    grown = True
    while grown:
        found = {
            name
            for part in parts.values()
            for name, schema in _schemas(part).items()
            if name not in ambiguous and not ambiguous.isdisjoint(_references(schema))
        }
        grown = bool(found)
        ambiguous |= found
    return ambiguous


def _references(value: Any) -> Iterator[str]:
    """Yield the names of the schemas that a part of a document refers to."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, str) and value.startswith(_PREFIX):
        yield value.removeprefix(_PREFIX)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy that refers to schemas by their new names; ``$ref`` and discriminators' mappings alike."""
    if isinstance(value, dict):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def _add_paths(document: Document, service: str, part: Document, table: RouteTable) -> None:
    for path, operations in part.get("paths", {}).items():
        for method in _METHODS:
            if method not in operations:
                continue
            route = table.find(method.upper(), path)
            if route is not None and route.service == service:
                added = document["paths"].setdefault(path, {})
                added[method] = _operation(operations[method], service, route)
                added |= {key: each for key, each in operations.items() if key == "parameters"}


def _operation(operation: Document, service: str, route: Route) -> Document:
    """Return an operation as the gateway offers it: its tag, its security, and what the gateway itself may answer."""
    offered = {**operation, "tags": [service]}
    offered["responses"] = dict(sorted({**_OWN_ANSWERS, **operation.get("responses", {})}.items()))
    if route.public:
        offered["security"] = []
    else:
        scopes = list(route.scopes)
        offered["security"] = [{name: scopes if name == "oauth2" else []} for name in _TOKEN_SCHEMES]
    return offered


_PROBLEM = {"application/problem+json": {"schema": {"$ref": _PREFIX + "Problem"}}}
_OWN_ANSWERS: Document = {
    "400": {"description": "The path is ambiguous, or there are two credentials", "content": _PROBLEM},
    "429": {"description": "Too many requests", "content": _PROBLEM},
}


def _distinguish_operations(document: Document) -> None:
    """Put the service in front of operation ids that two services use: generated clients name methods by them."""
    found: dict[str, list[Document]] = {}
    for operations in document["paths"].values():
        for method in _METHODS:
            if method in operations and "operationId" in operations[method]:
                found.setdefault(operations[method]["operationId"], []).append(operations[method])
    for name, same in found.items():
        for operation in same if len(same) > 1 else ():
            operation["operationId"] = f"{operation['tags'][0]}_{name}"


def _used(paths: Document, schemas: Document) -> Document:
    """Return the schemas that the paths refer to, directly or through others, by name."""
    wanted: set[str] = set()
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in wanted:
            wanted.add(name)
            waiting += _references(schemas[name])
    return {name: schemas[name] for name in sorted(wanted)}
