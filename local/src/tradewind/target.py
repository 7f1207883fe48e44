"""Which system a command speaks to: the one that runs on this machine, or another by its address."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from tradewind.accounts import access_token, sign_in
from tradewind.api import Api
from tradewind.checkout import Checkout
from tradewind.errors import TradewindError
from tradewind.hints import Hints
from tradewind.session import Session

TOKEN, EMAIL, PASSWORD = "TRADEWIND_TOKEN", "ADMIN_EMAIL", "ADMIN_PASSWORD"


class NobodyOfTheStaffError(TradewindError):
    """Nothing says who runs the other system."""


@dataclass(frozen=True, slots=True)
class Target:
    """A system's gateway, and a way to a staff token there.

    ``staff_token`` returns one that is good for some minutes; ``hints`` are None where no command of ours is about that
    system.
    """

    api: Api
    staff_token: Callable[[], str]
    hints: Hints | None = None

    @classmethod
    def find(cls, checkout: Checkout, state_folder: Path | None, base_url: str | None) -> "Target":
        """Return the system at ``base_url``, or the one that runs here.

        Raises:
            NotRunningError: None runs here.
        """
        if base_url is not None:
            api = Api(base_url)
            return cls(api, partial(_staff_elsewhere, api))
        session = Session.find(checkout, state_folder)
        return cls(session.api, partial(access_token, session, admin=True), session.hints)


def _staff_elsewhere(api: Api) -> str:
    """Return a token by what the environment says; passwords on a command line would be everybody's to see."""
    if token := os.environ.get(TOKEN):
        return token
    email, password = os.environ.get(EMAIL), os.environ.get(PASSWORD)
    if not (email and password):
        raise NobodyOfTheStaffError(
            f"Nothing says who runs {api.url}: set {EMAIL} and {PASSWORD}, or {TOKEN} where passwords get no token."
        )
    return str(sign_in(api, email, password).expect(HTTPStatus.OK).body["access_token"])
