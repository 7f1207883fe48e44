"""The OpenAPI document, as our conventions have it: problems for errors, and no undocumented status.

FastAPI documents refused input in its own shape; here every error is a ``Problem``, and what the chassis itself may
answer on any route (401, 403, 400, 413, 503 …) is documented where it can happen.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from chassis.problems import MEDIA_TYPE, Problem
from chassis.security import Bearer

_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token from `POST /v1/oauth/token`.",
}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
# Read by `conditional` from the request itself, which a parameter of every such route would only slow down.
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the version that the client has: answers 304 if it is the current one.",
    "schema": {"type": "string", "title": "If-None-Match"},
}
_SENTENCES = {
    "400": "The request cannot be understood",
    "401": "No access token, or not a valid one",
    "403": "The access token does not allow this",
    "409": "The current state does not allow this",
    "412": "It changed in the meantime",
    "413": "The body is too large",
    "415": "The media type is not supported",
    "422": "The request is not acceptable",
    "428": "The request has to be conditional",
    "503": "Temporarily unavailable; safe to ask again",
    "504": "The deadline has passed",
}


def install(app: FastAPI) -> None:
    """Make ``app.openapi`` produce the document, once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # the way FastAPI documents


def build(app: FastAPI) -> dict[str, Any]:
    """Return the document of ``app``."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= _problem_schemas()
    _document_tokens(app, document)
    for path in document["paths"].values():
        for operation in path.values():
            _document_errors(operation)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _document_tokens(app: FastAPI, document: dict[str, Any]) -> None:
    """Say which operations take an access token, and with which scopes."""
    for route in app.routes:
        if not isinstance(route, APIRoute) or (scopes := _scopes(route.dependant)) is None:
            continue
        document["components"]["securitySchemes"] = {"bearer": _BEARER}
        for method in route.methods or ():
            if operation := document["paths"].get(route.path_format, {}).get(method.lower()):
                operation["security"] = [{"bearer": sorted(scopes)}]


def _scopes(dependant: Dependant) -> set[str] | None:
    """Return the scopes that a route's dependencies want, None where none of them looks at the token."""
    found = set(dependant.call.scopes) if isinstance(dependant.call, Bearer) else None
    for each in dependant.dependencies:
        if (nested := _scopes(each)) is not None:
            found = (found or set()) | nested
    return found


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _document_errors(operation: dict[str, Any]) -> None:
    """Add what the chassis may answer, and put our shape in the place of FastAPI's."""
    responses = operation.setdefault("responses", {})
    automatic = {"503", "504"}
    if operation.get("security"):
        automatic |= {"401", "403"}
    if "requestBody" in operation:
        automatic |= {"400", "413", "415", "422"}
    headers = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "header"}
    if "Idempotency-Key" in headers:
        automatic |= {"400", "409", "422"}
    if "If-Match" in headers:
        automatic |= {"412", "428"}
    if "304" in responses:
        operation["parameters"] = [*operation.get("parameters", ()), _IF_NONE_MATCH]
    if "422" in responses and MEDIA_TYPE not in responses["422"].get("content", {}):
        del responses["422"]
        automatic.add("422")
    for status in automatic - responses.keys():
        responses[status] = {"description": _SENTENCES[status]}
    for status, response in responses.items():
        # A route that declares an answer of another kind, such as OAuth's own errors, knows what it says.
        if MEDIA_TYPE in response.get("content", {}) or (status in automatic and not response.get("content")):
            response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}
    operation["responses"] = dict(sorted(responses.items()))
