"""The two accounts that the local system makes for its user when they are wanted: a customer, and the first admin."""

import time
from collections.abc import Callable
from http import HTTPStatus

from tradewind.api import Answer, Api
from tradewind.environment import AUTH
from tradewind.session import Session

CLIENT_ID = "tradewind-cli"
_PATIENCE_SECONDS = 10
_PAUSE_SECONDS = 0.1


def sign_in(api: Api, email: str, password: str) -> Answer:
    """Ask for tokens with a password (RFC 6749, 4.3), which only the command line's client may."""
    form = {"grant_type": "password", "client_id": CLIENT_ID, "username": email, "password": password}
    return api.send("POST", "/v1/oauth/token", form=form)


def access_token(session: Session, *, admin: bool) -> str:
    """Return a fresh access token of the demo customer, or of the first admin, made where there is none yet.

    Raises:
        ServiceCommandError, UnreachableError, UnexpectedAnswerError: It cannot be had.
    """
    name = "admin" if admin else "demo"
    email, password = f"{name}@tradewind.example", session.credentials.account(name)
    make = _make_admin if admin else _register
    return str(_sign_in(session, email, password, make).expect(HTTPStatus.OK).body["access_token"])


def _sign_in(session: Session, email: str, password: str, make: Callable[[Session, str, str], None]) -> Answer:
    """Sign in; where that is refused (``invalid_grant``, a 400), make the account and try for a moment."""
    answer = sign_in(session.api, email, password)
    if answer.status != HTTPStatus.BAD_REQUEST:
        return answer
    make(session, email, password)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (answer := sign_in(session.api, email, password)).status == HTTPStatus.BAD_REQUEST:
        if time.monotonic() > deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    return answer


def _register(session: Session, email: str, password: str) -> None:
    document = {"email": email, "password": password, "name": "Demo Customer"}
    session.api.send("POST", "/v1/accounts", document=document).expect(HTTPStatus.ACCEPTED)


def _make_admin(session: Session, email: str, password: str) -> None:
    session.run_command(AUTH, "admin", "create", "--email", email, "--password-stdin", said=f"{password}\n")
