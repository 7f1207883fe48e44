"""Compressed answers for those who ask, at no cost for those who don't."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_SMALLEST_BYTES = 1024


class CompressionMiddleware:
    """Starlette's gzip, stepped around where the request does not accept it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._compressing = GZipMiddleware(app, minimum_size=_SMALLEST_BYTES, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"accept-encoding" and b"gzip" in value:
                    await self._compressing(scope, receive, send)
                    return
        await self.app(scope, receive, send)
