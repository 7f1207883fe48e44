"""The API's description for people and programs: ``/docs``, ``/openapi.json`` and ``/``.

Everything the page needs is served from here, the Swagger UI that the package ``fastapi_swagger`` carries: it works
without Internet, and under a content policy that allows nothing from elsewhere.
"""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from chassis.problems import Problem
from gateway.domain.catalogue import Catalogue
from gateway.domain.documents import Document

_PAGE = b"""\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Tradewind API</title>
  <link rel="icon" type="image/png" href="/docs/favicon.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <noscript>This page needs JavaScript; the same is in <a href="/openapi.json">/openapi.json</a>.</noscript>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = b"""\
const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
ui.initOAuth({ clientId: "tradewind-cli" });
"""
# Swagger UI sets style attributes, hence the one word that a policy should not have.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SMALLEST_COMPRESSED = 1024


@dataclass(frozen=True)
class Page:
    """Bytes to serve, compressed once, with the tag that says whether a browser has them already."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Page":
        """Make one."""
        compressed = gzip.compress(body, 6, mtime=0) if len(body) >= _SMALLEST_COMPRESSED else None
        return cls(body, compressed, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    def response(self, request: Request, *, max_age_seconds: int, **headers: str) -> Response:
        """Answer a request for it."""
        answer = {"etag": self.etag, "cache-control": f"public, max-age={max_age_seconds}", **headers}
        answer["vary"] = "Accept-Encoding"
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=answer)
        body = self.body
        if self.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, answer["content-encoding"] = self.compressed, "gzip"
        return Response(body, headers=answer, media_type=self.media_type)


class Constant:
    """A page that never changes, made when it is first asked for.

    Args:
        policy: Its content policy, where it is one that loads things.
    """

    def __init__(
        self, make: Callable[[], bytes], media_type: str, *, max_age_seconds: int = 0, policy: str | None = None
    ) -> None:
        self._make = make
        self._media_type = media_type
        self._max_age_seconds = max_age_seconds
        self._headers = {} if policy is None else {"content-security-policy": policy}
        self._page: Page | None = None

    async def serve(self, request: Request) -> Response:
        """Answer a request for it."""
        if self._page is None:
            self._page = Page.of(self._make(), self._media_type)
        return self._page.response(request, max_age_seconds=self._max_age_seconds, **self._headers)


def _asset(name: str, media_type: str) -> Constant:
    asset = resources.files("fastapi_swagger.resources").joinpath(name)
    return Constant(asset.read_bytes, media_type, max_age_seconds=3600)


_PAGES = {
    "/docs": Constant(lambda: _PAGE, "text/html; charset=utf-8", policy=_POLICY),
    "/docs/start.js": Constant(lambda: _START, "text/javascript; charset=utf-8"),
    "/docs/swagger-ui-bundle.js": _asset("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "/docs/swagger-ui.css": _asset("swagger-ui.css", "text/css; charset=utf-8"),
    "/docs/favicon.png": _asset("favicon-32x32.png", "image/png"),
}


class Documentation:
    """The routes that describe the API.

    Args:
        catalogue: Where the merged document comes from.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._described: tuple[Document, Page] | None = None
        self.router = APIRouter(include_in_schema=False)
        self._add("/", self.start)
        self._add("/openapi.json", self.openapi)
        for path, page in _PAGES.items():
            self._add(path, page.serve)

    def _add(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self.router.add_api_route(path, endpoint, methods=["GET", "HEAD"], response_model=None)

    async def start(self, _request: Request) -> Response:
        """Say where to begin."""
        begin = {"name": "Tradewind", "docs": "/docs", "openapi": "/openapi.json"}
        return Response(orjson.dumps(begin), media_type="application/json")

    async def openapi(self, request: Request) -> Response:
        """Return the merged document."""
        document = await self._catalogue.document()
        if self._described is None or self._described[0] is not document:
            self._described = document, Page.of(orjson.dumps(document), "application/json")
        return self._described[1].response(request, max_age_seconds=0)


def frame(*, version: str, scopes: dict[str, str], password_grant: bool) -> Document:
    """Return what the merged document says besides the services' own paths.

    Args:
        scopes: What each scope is for.
        password_grant: Whether people can log in from the page with their password, as in development.
    """
    flow: dict[str, Any] = {"tokenUrl": "/v1/oauth/token", "refreshUrl": "/v1/oauth/token", "scopes": scopes}
    flows = {"clientCredentials": {"tokenUrl": flow["tokenUrl"], "scopes": scopes}}
    if password_grant:
        flows["password"] = flow
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tradewind API",
            "version": version,
            "description": "Everything the gateway lets in. Errors are problems (RFC 9457); lists have cursors; a POST "
            "that creates or moves something takes an Idempotency-Key.",
        },
        "servers": [{"url": "/"}],
        "components": {
            "schemas": {**problem.pop("$defs"), "Problem": problem},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "oauth2": {"type": "oauth2", "flows": flows},
            },
        },
    }
