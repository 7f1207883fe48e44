"""A short story through the gateway, told by its requests and answers."""

import json
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import click

from tradewind.accounts import CLIENT_ID
from tradewind.api import Answer, Api, UnexpectedAnswerError
from tradewind.hints import Hints

_SHOWN_HEADERS = ("location", "etag", "www-authenticate", "idempotency-replayed", "retry-after")
_SECRET_FIELDS = ("password", "access_token", "refresh_token")
_PATIENCE_SECONDS = 15
_PAUSE_SECONDS = 0.1

Say = Callable[[str], None]


class Story:
    """Plays the story once, with a customer who registers for it.

    Every answer is checked: a story that ends is a system that works.
    """

    def __init__(self, api: Api, say: Say, hints: Hints | None) -> None:
        self._api = api
        self._hints = hints
        self._say = say
        self._steps = 0
        self._email = f"ada-{secrets.token_hex(4)}@tradewind.example"
        self._password = secrets.token_urlsafe(18)
        self._tokens: dict[str, str] = {}

    def play(self) -> None:
        """Tell it from beginning to end.

        Raises:
            UnreachableError, UnexpectedAnswerError: The system does not do what the story says.
        """
        self._register()
        self._sign_in()
        self._read_profile()
        self._ask_without_token()
        self._change_profile()
        self._add_address_twice()
        self._hear_of_the_account()
        self._refresh()
        self._reuse()
        self._say(f"\nEvery answer was as it should be. The registration's way through the services:\n  {self._trace}")

    def _register(self) -> None:
        self._step("Ada registers. The answer is the same for an address that has an account already.")
        document = {"email": self._email, "password": self._password, "name": "Ada Lovelace"}
        answer = self._send("POST", "/v1/accounts", document=document, expect=HTTPStatus.ACCEPTED)
        trace = answer.headers["x-request-id"]
        self._trace = self._hints.command(f"logs --trace {trace}") if self._hints else f"trace {trace}"

    def _sign_in(self) -> None:
        self._step("She signs in with her password and gets tokens (OAuth 2; other clients have other grants).")
        form = {"grant_type": "password", "client_id": CLIENT_ID, "username": self._email, "password": self._password}
        self._tokens = self._send("POST", "/v1/oauth/token", form=form, expect=HTTPStatus.OK).body

    def _read_profile(self) -> None:
        self._step("Her profile is there at once, whether or not customers has heard of the account.")
        self._send("GET", "/v1/customers/me", token=True, expect=HTTPStatus.OK)

    def _ask_without_token(self) -> None:
        self._step("Without a token the same request is refused.")
        self._send("GET", "/v1/customers/me", expect=HTTPStatus.UNAUTHORIZED)

    def _change_profile(self) -> None:
        self._step("She changes her profile, and says by If-Match which version she has seen.")
        current = self._api.send("GET", "/v1/customers/me", headers=self._authorization())
        seen = {"If-Match": current.expect(HTTPStatus.OK).headers["etag"]}
        change = {"phone": "+441234567890", "locale": "en-GB"}
        self._send("PATCH", "/v1/customers/me", document=change, headers=seen, token=True, expect=HTTPStatus.OK)
        self._step("Sent again it is refused: the profile has changed since the version that it names.")
        change["locale"] = "fr"
        self._send(
            "PATCH",
            "/v1/customers/me",
            document=change,
            headers=seen,
            token=True,
            expect=HTTPStatus.PRECONDITION_FAILED,
        )

    def _add_address_twice(self) -> None:
        key = {"Idempotency-Key": secrets.token_hex(8)}
        address = {
            "recipient": "Ada Lovelace",
            "line1": "12 St James's Square",
            "city": "London",
            "postal_code": "SW1Y 4JH",
            "country": "GB",
        }
        for sentence in (
            "She adds an address, with a key that makes it safe to send again.",
            "The line was bad, so it is sent again: same key, same address, no second one.",
        ):
            self._step(sentence)
            self._send(
                "POST",
                "/v1/customers/me/addresses",
                document=address,
                headers=key,
                token=True,
                expect=HTTPStatus.CREATED,
            )
        found = self._send("GET", "/v1/customers/me/addresses", token=True, expect=HTTPStatus.OK).body
        if len(found["items"]) != 1:
            raise UnexpectedAnswerError(f"There should be one address, and there are {len(found['items'])}.")

    def _hear_of_the_account(self) -> None:
        self._step("By now customers has heard from auth, by an event, which e-mail address she registered.")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._api.send("GET", "/v1/customers/me", headers=self._authorization())
            if answer.expect(HTTPStatus.OK).body["email"] == self._email:
                break
            time.sleep(_PAUSE_SECONDS)
        self._send("GET", "/v1/customers/me", token=True, expect=HTTPStatus.OK)

    def _refresh(self) -> None:
        self._step("Her client refreshes, twice; each time the refresh token is replaced.")
        self._first = self._tokens["refresh_token"]
        for _ in range(2):
            self._tokens = self._send_refresh(self._tokens["refresh_token"], expect=HTTPStatus.OK).body

    def _reuse(self) -> None:
        self._step("Somebody shows the first refresh token, which was used long ago. It is refused …")
        self._send_refresh(self._first, expect=HTTPStatus.BAD_REQUEST)
        self._step("… and ends its family: nobody knows who the thief is, so Ada has to sign in again too.")
        self._send_refresh(self._tokens["refresh_token"], expect=HTTPStatus.BAD_REQUEST)

    def _send_refresh(self, refresh_token: str, *, expect: int) -> Answer:
        form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": refresh_token}
        return self._send("POST", "/v1/oauth/token", form=form, expect=expect)

    def _send(
        self,
        method: str,
        path: str,
        *,
        document: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        token: bool = False,
        expect: int,
    ) -> Answer:
        """Show a request, send it, show its answer, and check its status."""
        sent = {**(headers or {}), **(self._authorization() if token else {})}
        self._say(f"  {click.style(f'{method} {path}', fg='cyan')}")
        for name, value in sent.items():
            self._say(f"  {name}: {_short(value) if name == 'Authorization' else value}")
        if form:
            self._show_form(form)
        if document:
            self._show(document)
        answer = self._api.send(method, path, document=document, form=form, headers=sent)
        status = HTTPStatus(answer.status)
        self._say(f"  {click.style(f'→ {status.value} {status.phrase}', fg='green' if status < 400 else 'yellow')}")  # noqa: PLR2004
        for name in _SHOWN_HEADERS:
            if name in answer.headers:
                self._say(f"    {name}: {answer.headers[name]}")
        if answer.body:
            self._show(answer.body, indent="    ")
        return answer.expect(expect)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens['access_token']}"}

    def _step(self, sentence: str) -> None:
        self._steps += 1
        self._say(f"\n{click.style(f'{self._steps}. {sentence}', bold=True)}")

    def _show_form(self, form: dict[str, str]) -> None:
        for name, value in form.items():
            self._say(f"  {click.style(f'{name}={_short(value) if name in _SECRET_FIELDS else value}', dim=True)}")

    def _show(self, body: Any, *, indent: str = "  ") -> None:
        if isinstance(body, dict):
            body = {name: _short(value) if name in _SECRET_FIELDS else value for name, value in body.items()}
        for line in json.dumps(body, indent=2, ensure_ascii=False).splitlines():
            self._say(f"{indent}{click.style(line, dim=True)}")


def _short(secret: str) -> str:
    """Return as much of a secret as is needed to tell two of them apart."""
    return f"{secret[:12]}…{secret[-6:]}"
