"""Requests of the staff that go on through a token's end and a moment's absence."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from tradewind.api import Answer, Api, UnreachableError

_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0
_PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


class StaffApi:
    """The gateway, asked as staff.

    Args:
        api: The gateway.
        token: Returns an access token that is good for some minutes.
    """

    def __init__(self, api: Api, token: Callable[[], str]) -> None:
        self._api = api
        self._new_token = token
        self._token = token()

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        """Send a request that may be repeated, and again where that may help.

        Raises:
            UnreachableError: The system, or whom it asked, is away for longer than a moment.
        """
        renewed = False
        for attempt in range(_ATTEMPTS):
            sent = {**(headers or {}), "Authorization": f"Bearer {self._token}"}
            try:
                answer = self._api.send(method, path, headers=sent, **body)
            except UnreachableError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                if answer.status == HTTPStatus.UNAUTHORIZED and not renewed:
                    self._token, renewed = self._new_token(), True
                    continue
                if answer.status not in _PASSING:
                    return answer
            time.sleep(_PAUSE_SECONDS)
        raise UnreachableError(f"{self._api.url} is away: it answers {answer.status}: {answer.said}")
