"""Access tokens like those of auth: ES256, ``at+jwt``, and the key set that services fetch to verify them."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

KEY_ID = "bench"
LIFETIME_SECONDS = 3600
"""Longer than auth's ten minutes, so that a row needs one token; how long a token lives costs a verifier nothing."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs the tokens of a run, and where its public keys are."""

    url: str
    jwks_url: str
    key: ECKey

    def token(self, subject: str, *scopes: str, audience: str = "tradewind") -> str:
        """Return a user's token, or with a service as its audience another service's, as RFC 9068 and auth have it."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": subject,
            "aud": audience,
            "client_id": "tradewind-cli",
            "scope": " ".join(scopes),
            "roles": ["customer"],
            "jti": str(uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID}, claims, self.key)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Make a key pair, publish its public half on 127.0.0.1 for the block, and give services their tokens there."""
    key = ECKey.generate_key("P-256", parameters={"kid": KEY_ID})
    document = json.dumps({"keys": [{**key.as_dict(private=False), "alg": "ES256", "use": "sig"}]}).encode()

    class AuthHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(document)

        def do_POST(self) -> None:
            """Give a service a token for the peer and with the scopes that it names, whatever its secret is."""
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            name = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")[0]
            audience = form["resource"][0].removeprefix("urn:tradewind:")
            token = issuer.token(name, *form.get("scope", [""])[0].split(), audience=audience)
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
            self._answer(json.dumps(answer).encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: a log line per fetch tells nobody anything."""

    with ThreadingHTTPServer(("127.0.0.1", 0), AuthHandler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        issuer = Issuer(address, f"{address}/jwks.json", key)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
