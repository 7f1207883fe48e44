"""People who use the system as anybody would, over HTTP alone."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from httpx2 import Client, Response

CLIENT_ID = "tradewind-cli"
PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.05

Found = TypeVar("Found")


def patiently(client: Client, method: str, path: str, **options: Any) -> Response:
    """Send a request, and again when it came too early, as ``Retry-After`` says."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = client.request(method, path, **options)
        if answer.status_code != 429 or time.monotonic() > deadline:
            return answer
        time.sleep(float(answer.headers["retry-after"]))


def eventually(look: Callable[[], Found | None]) -> Found:
    """Return what ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(_LOOK_SECONDS)
    return found


@dataclass
class Person:
    """Somebody with an account. ``tokens`` is the last answer of the token endpoint."""

    api: Client
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@journeys.example")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    name: str = "Ada Lovelace"
    tokens: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def registered(cls, api: Client) -> "Person":
        """Register somebody new and sign them in."""
        person = cls(api)
        assert person.register().status_code == 202
        person.sign_in()
        return person

    def register(self, **headers: str) -> Response:
        """Ask for an account."""
        body = {"email": self.email, "password": self.password, "name": self.name}
        return patiently(self.api, "POST", "/v1/accounts", json=body, headers=headers)

    def sign_in(self) -> None:
        """Get tokens for the password."""
        answer = self.token(grant_type="password", username=self.email, password=self.password)
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()

    def refresh(self, refresh_token: str) -> Response:
        """Ask for new tokens."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)

    def token(self, **form: str) -> Response:
        """Ask the token endpoint, as the public client of the command line."""
        return patiently(self.api, "POST", "/v1/oauth/token", data={"client_id": CLIENT_ID, **form})

    @property
    def authorization(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"authorization": f"Bearer {self.tokens['access_token']}"}

    def send(self, method: str, path: str, *, json: Any = None, **headers: str) -> Response:
        """Send a request with the person's access token."""
        sent = {**self.authorization, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return patiently(self.api, method, path, json=json, headers=sent)

    def me(self) -> dict[str, Any]:
        """Return the person's own profile."""
        answer = self.send("GET", "/v1/customers/me")
        assert answer.status_code == 200, answer.text
        profile: dict[str, Any] = answer.json()
        return profile
