"""Sagas, for staff: what is under way, what is stuck, and what can be done about it."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from chassis.idempotency import IdempotentAlways
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from orders.api.deps import PersonDep, SagaDeskDep, Sagas, Staff
from orders.api.schemas import AbandonmentIn, SagaOut
from orders.domain.ports import SagaDirectory, SagaState
from orders.domain.sagas import SagaFinishedError, SagaNotAbandonableError, SagaNotFoundError
from orders.domain.views import SagaView

router = Router(prefix="/v1/sagas", tags=["sagas"], dependencies=[Staff])


@router.get("", responses=responses(MalformedCursorError))
async def list_sagas(
    paging: Paging,
    sagas: Sagas,
    request: Request,
    response: Response,
    state: Annotated[SagaState | None, Query(description="`stuck` ones have been at it for two minutes.")] = None,
    order_id: UUID | None = None,
) -> Page[SagaOut]:
    """List sagas, newest first."""
    rows = await sagas.find_by(state, order_id=order_id, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda saga: (saga.id,))
    link_next(request, response, next_cursor)
    return Page(items=[SagaOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get("/{saga_id}", response_model=SagaOut, responses=responses(SagaNotFoundError))
async def read_saga(saga_id: UUID, sagas: Sagas) -> SagaView:
    """Return one saga."""
    return await _found(sagas, str(saga_id))


@router.post(
    "/{saga_id}/retry",
    status_code=202,
    response_model=SagaOut,
    responses=responses(SagaNotFoundError, SagaFinishedError),
)
async def retry_saga(saga_id: UUID, desk: SagaDeskDep, sagas: Sagas, once: IdempotentAlways) -> SagaView:
    """Have it go on now instead of after its pause."""
    return await once(lambda: desk.retry(saga_id), again=partial(_found, sagas))


@router.post(
    "/{saga_id}/abandonment",
    status_code=202,
    response_model=SagaOut,
    responses=responses(SagaNotFoundError, SagaNotAbandonableError),
)
async def abandon_saga(
    saga_id: UUID, body: AbandonmentIn, person: PersonDep, desk: SagaDeskDep, sagas: Sagas, once: IdempotentAlways
) -> SagaView:
    """Give a checkout up before its capture: what was begun is undone, and the order is rejected."""
    return await once(lambda: desk.abandon(saga_id, by=person.role, reason=body.reason), again=partial(_found, sagas))


async def _found(sagas: SagaDirectory, saga_id: str) -> SagaView:
    saga = await sagas.find(UUID(saga_id))
    if saga is None:
        raise SagaNotFoundError(saga_id=saga_id)
    return saga
