"""Requests to the running system, with the standard library alone. Every status is an answer, not an exception."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tradewind.errors import TradewindError

_TIMEOUT_SECONDS = 20


class UnreachableError(TradewindError):
    """Nobody answers there."""


class UnexpectedAnswerError(TradewindError):
    """The answer is not what was asked for; the sentence tells status and detail."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of ``headers`` are in lower case, ``body`` is JSON where the answer is."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def said(self) -> Any:
        """The reason in an answer that is a refusal."""
        return self.body.get("detail") or self.body.get("error") if isinstance(self.body, dict) else self.body

    def expect(self, *statuses: int) -> "Answer":
        """Return itself if it has one of these statuses.

        Raises:
            UnexpectedAnswerError: It has another.
        """
        if self.status not in statuses:
            raise UnexpectedAnswerError(f"The gateway answered {self.status}: {self.said}")
        return self


@dataclass(frozen=True, slots=True)
class Api:
    """The gateway at ``url``."""

    url: str

    def send(
        self,
        method: str,
        path: str,
        *,
        document: object = None,
        form: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request, with a JSON ``document``, a ``form``, or ``content`` whose type the headers say.

        Raises:
            UnreachableError: There was no answer.
        """
        sent = dict(headers or {})
        body = content
        if document is not None:
            body = json.dumps(document).encode()
            sent.setdefault("Content-Type", "application/json")
        elif form is not None:
            body = urlencode(form).encode()
        request = urllib.request.Request(self.url + path, data=body, headers=sent, method=method)  # noqa: S310 - ours
        try:
            with _opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return _answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, dict(error.headers), error.read())
        except OSError as error:
            raise UnreachableError(f"{self.url} does not answer: {error}.") from error


# Without a proxy, whatever the environment says: the address is this machine's.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answer(status: int, headers: dict[str, str], body: bytes) -> Answer:
    named = {name.lower(): value for name, value in headers.items()}
    is_json = "json" in named.get("content-type", "")
    return Answer(status, named, json.loads(body) if is_json and body else body.decode(errors="replace"))
