"""The provider's interface. Each instruction may be sent any number of times: the reference makes it one."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from chassis.instants import Instant
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from chassis.spans import Span
from sandbox.api.deps import Merchant, ProviderDep, ProviderKeyRefusedError
from sandbox.api.schemas import AuthorisationIn, MovementIn, OperationOut, Reference, VoidIn
from sandbox.domain.operations import (
    Instruction,
    Kind,
    OperationNotFoundError,
    OperationPendingError,
    ProviderAwayError,
    ReferenceReusedError,
)
from sandbox.domain.ports import Reports

_WEBHOOK_LOOKS, _WEBHOOK_LOOK_SECONDS = 80, 0.025

router = Router(
    prefix="/v1", tags=["operations"], dependencies=[Merchant], responses=responses(ProviderKeyRefusedError)
)
_ASKED = responses(OperationPendingError, ReferenceReusedError, ProviderAwayError)
_ABOUT = responses(OperationNotFoundError, OperationPendingError, ReferenceReusedError, ProviderAwayError)


@router.post("/authorisations", responses=_ASKED)
async def authorise(body: AuthorisationIn, provider: ProviderDep, request: Request) -> OperationOut:
    """Hold an amount."""
    return await _take(body.instruction(), provider, request)


@router.post("/captures", responses=_ABOUT)
async def capture(body: MovementIn, provider: ProviderDep, request: Request) -> OperationOut:
    """Take an amount that is held."""
    return await _take(body.instruction(Kind.CAPTURE), provider, request)


@router.post("/voids", responses=_ASKED)
async def void(body: VoidIn, provider: ProviderDep, request: Request) -> OperationOut:
    """Give up what is held; an authorisation that comes later under this reference is refused."""
    return await _take(body.instruction(), provider, request)


@router.post("/refunds", responses=_ABOUT)
async def refund(body: MovementIn, provider: ProviderDep, request: Request) -> OperationOut:
    """Give back an amount that was taken, or a part of it."""
    return await _take(body.instruction(Kind.REFUND), provider, request)


@router.get("/operations/{reference}", responses=responses(OperationNotFoundError))
async def read_operation(reference: str, provider: ProviderDep, request: Request) -> OperationOut:
    """Return what came of an instruction."""
    return OperationOut.of(await provider.get(reference), request.app.state.service.clock.now())


@router.get("/operations", responses=responses(MalformedCursorError))
async def list_operations(
    provider: ProviderDep,
    paging: Paging,
    request: Request,
    response: Response,
    as_of: Annotated[Instant | None, Query(description="As things were at this instant; now.")] = None,
    authorisation_from: Annotated[Reference | None, Query(description="Those from this authorisation on.")] = None,
    authorisation_before: Annotated[Reference | None, Query(description="Those before this authorisation.")] = None,
) -> Page[OperationOut]:
    """List what was settled at an instant or before, oldest first: the provider's own books."""
    now = as_of or request.app.state.service.clock.now()
    wanted = Span(authorisation_from, authorisation_before)
    rows = await provider.list(wanted, as_of=now, after=paging.after(datetime, str), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.settled_at, row.instruction.reference))
    link_next(request, response, next_cursor)
    return Page(items=[OperationOut.of(each, now) for each in page], next_cursor=next_cursor)


async def _take(instruction: Instruction, provider: ProviderDep, request: Request) -> OperationOut:
    answer = await provider.take(instruction)
    reports: Reports = request.app.state.reports
    reports.wake()
    await asyncio.sleep(answer.pause_seconds)
    if answer.webhook_first:
        await _until_reported(reports, instruction.reference)
    return OperationOut.of(answer.operation, request.app.state.service.clock.now())


async def _until_reported(reports: Reports, reference: str) -> None:
    """Wait for the webhook to arrive, if it does within two seconds: what it is worth to be second."""
    for _ in range(_WEBHOOK_LOOKS):
        if not await reports.waits(reference):
            return
        await asyncio.sleep(_WEBHOOK_LOOK_SECONDS)
