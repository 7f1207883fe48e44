"""The audit trail, for staff."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from auth.api.deps import PartsDep
from auth.api.fields import Instant, Word
from auth.api.schemas import AuditEntryOut
from auth.domain.directory import AuditFilter, AuditView
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from chassis.security import requires

router = Router(prefix="/v1/audit-entries", tags=["audit"], dependencies=[requires("audit:read")])


@router.get("", response_model=Page[AuditEntryOut], responses=responses(MalformedCursorError))
async def list_audit_entries(
    here: PartsDep,
    paging: Paging,
    request: Request,
    response: Response,
    account_id: UUID | None = None,
    actor: Annotated[Word | None, Query(description="An account's id, a client, `schedule` or `command`.")] = None,
    action: Word | None = None,
    since: Annotated[Instant | None, Query(description="Included.")] = None,
    until: Annotated[Instant | None, Query(description="Not included.")] = None,
) -> Page[AuditView]:
    """List audit entries, newest first. They are kept for 400 days."""
    criteria = AuditFilter(account_id, actor, action, since, until)
    rows = await here.directory.audit_entries(criteria, after=paging.after(UUID), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda row: (row.id,))
    link_next(request, response, next_cursor)
    return Page(items=list(page), next_cursor=next_cursor)
