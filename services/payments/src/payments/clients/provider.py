"""The payment provider behind its HTTP interface, as the sandbox has it too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from httpx import Response, codes
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from chassis import logs
from chassis.clients import ServiceClient, problem_of
from chassis.cursors import MalformedCursorError
from chassis.errors import ServiceError
from chassis.money import Money
from chassis.money_schema import MoneyField
from chassis.spans import Span
from payments.domain.methods import Method
from payments.domain.ports import ProviderOperation, ProviderSilentError
from payments.domain.steps import Outcome, Verdict, as_code, as_reference

_VERDICTS = {"approved": Verdict.APPROVED, "refused": Verdict.REFUSED, "pending": Verdict.UNDECIDED}
_PENDING = "operation-pending"

_log = logs.get("provider")


class _Operation(BaseModel):
    """The part of the provider's answer that matters here."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    reference: str
    kind: str
    authorisation: str
    state: str
    code: str | None
    provider_reference: str
    amount: MoneyField
    settled_at: AwareDatetime | None
    live: bool


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    items: list[_Operation]
    next_cursor: str | None


class HttpPaymentProvider:
    """The ``PaymentProvider`` at an address.

    Whatever is not clearly an outcome is none: the step stays pending, and is asked again.

    Args:
        name: What it is called.
        client: Knows where it is. It must not repeat anything by itself: the worker does, and counts.
        api_key: What we show.
        live_only: Believe no provider that says that no money moves there.
    """

    def __init__(self, name: str, client: ServiceClient, api_key: str, *, live_only: bool) -> None:
        self.name = name
        self._client = client
        self._authorization = {"authorization": f"Bearer {api_key}"}
        self._live_only = live_only

    async def authorise(self, reference: str, amount: Money, method: Method) -> Outcome:
        """Hold an amount; see the port."""
        body = {"amount": _json(amount), "method": method.kind, "token": method.token}
        return await self._take("/v1/authorisations", reference, body, amount)

    async def capture(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        """Take what is held; see the port."""
        body = {"authorisation": authorisation, "amount": _json(amount)}
        return await self._take("/v1/captures", reference, body, amount)

    async def void(self, reference: str, authorisation: str) -> Outcome:
        """Let go of what is held; see the port."""
        return await self._take("/v1/voids", reference, {"authorisation": authorisation}, None)

    async def refund(self, reference: str, authorisation: str, amount: Money) -> Outcome:
        """Give back what was taken; see the port."""
        body = {"authorisation": authorisation, "amount": _json(amount)}
        return await self._take("/v1/refunds", reference, body, amount)

    async def find(self, reference: str) -> Outcome | None:
        """Return what came of something; see the port."""
        answer = await self._ask("GET", f"/v1/operations/{quote(reference, safe='')}")
        if answer.status_code == codes.NOT_FOUND and _code(answer) == "operation-not-found":
            return None
        return self._outcome(answer, reference, None)

    async def list(
        self, orders: Span[UUID], *, as_of: datetime, cursor: str | None, limit: int
    ) -> tuple[Sequence[ProviderOperation], str | None]:
        """Return a page of its books; see the port. What an authorisation is called begins with the order's id."""
        params = {
            "as_of": as_of.isoformat(),
            "authorisation_from": orders.first,
            "authorisation_before": orders.before,
            "cursor": cursor,
            "limit": limit,
        }
        answer = await self._ask("GET", "/v1/operations", params=params)
        if cursor is not None and answer.status_code == codes.BAD_REQUEST:
            raise MalformedCursorError
        try:
            page = _Page.model_validate_json(answer.content)
        except ValidationError:
            raise self._strange(answer, "a list") from None
        return [_line(each) for each in page.items], page.next_cursor

    async def _take(self, path: str, reference: str, body: dict[str, Any], amount: Money | None) -> Outcome:
        answer = await self._ask("POST", path, json={"reference": reference, **body})
        return self._outcome(answer, reference, amount)

    async def _ask(self, method: str, path: str, **options: Any) -> Response:
        try:
            return await self._client.request(method, path, headers=self._authorization, **options)
        except ServiceError as error:
            raise ProviderSilentError(error.detail, retry_after_seconds=error.retry_after_seconds) from error

    def _outcome(self, answer: Response, reference: str, amount: Money | None) -> Outcome:
        if answer.status_code == codes.CONFLICT and _code(answer) == _PENDING:
            return Outcome(Verdict.UNDECIDED)
        try:
            found = _Operation.model_validate_json(answer.content)
        except ValidationError:
            raise self._strange(answer, reference) from None
        other = amount is not None and found.amount.to_money() != amount
        if answer.status_code != codes.OK or found.reference != reference or other or found.state not in _VERDICTS:
            raise self._strange(answer, reference)
        if self._live_only and not found.live:
            _log.error("provider is not live", reference=reference)
            raise ProviderSilentError("The provider says that no money moves there.")
        return Outcome(_VERDICTS[found.state], as_code(found.code), as_reference(found.provider_reference))

    def _strange(self, answer: Response, about: str) -> ProviderSilentError:
        """Say that an answer means nothing; what it said is for somebody to read, and repeats nothing personal."""
        _log.error("provider answers strangely", about=about, status=answer.status_code, code=_code(answer))
        return ProviderSilentError(f"The provider answered {answer.status_code}, and no outcome.")


def _code(answer: Response) -> str | None:
    problem = problem_of(answer)
    return None if problem is None else problem.code


def _json(amount: Money) -> dict[str, object]:
    return {"amount": amount.amount_minor, "currency": amount.currency}


def _line(found: _Operation) -> ProviderOperation:
    if found.settled_at is None:
        raise ProviderSilentError("The provider lists what is not settled.")
    return ProviderOperation(
        reference=found.reference,
        kind=found.kind,
        authorisation=found.authorisation,
        state=found.state,
        code=found.code,
        amount=found.amount.to_money(),
        settled_at=found.settled_at,
    )
