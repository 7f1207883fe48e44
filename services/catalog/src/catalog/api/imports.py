"""Many products in and out: files of CSV or of JSON lines, streamed."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import Counter

from catalog.api.deps import Directory, Importing, ImportReports, Staff
from catalog.api.export import csv_lines, json_lines
from catalog.api.lines import pieces
from catalog.api.schemas import ImportIn, ImportLineOut, ImportOut
from catalog.domain.imports import (
    Import,
    ImportFinishedError,
    ImportGapError,
    ImportNotFoundError,
    LineRefusedError,
    Outcome,
)
from catalog.domain.products import Status
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import UnsupportedMediaTypeError, responses
from chassis.routing import Router

_lines = Counter("tradewind_catalog_imported_lines_total", "Lines of imports, by what became of them.", ("outcome",))
router = Router(tags=["bulk"], dependencies=[Staff])

CSV, JSON_LINES = "text/csv", "application/jsonl"
_JSON_LINES = frozenset({JSON_LINES, "application/x-ndjson", "application/json-lines"})
_BODY = {"schema": {"type": "string", "format": "binary"}}


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"


async def is_csv(request: Request) -> bool:
    """Tell whether the body is CSV rather than JSON lines.

    Raises:
        UnsupportedMediaTypeError: It is neither.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != CSV and media_type not in _JSON_LINES:
        raise UnsupportedMediaTypeError(f"Send {CSV} or {JSON_LINES}.")
    return media_type == CSV


@router.post("/v1/product-imports", response_model=ImportOut, status_code=201)
async def start_import(body: ImportIn, imports: Importing, response: Response) -> Import:
    """Begin an import; its lines are sent next."""
    started = await imports.start(body.name)
    response.headers["location"] = f"/v1/product-imports/{started.id}"
    return started


@router.put(
    "/v1/product-imports/{import_id}/lines",
    response_model=ImportOut,
    responses=responses(
        ImportNotFoundError, ImportGapError, ImportFinishedError, LineRefusedError, UnsupportedMediaTypeError
    ),
    openapi_extra={"requestBody": {"required": True, "content": {CSV: _BODY, JSON_LINES: _BODY}}},
)
async def send_lines(
    import_id: UUID,
    imports: Importing,
    request: Request,
    *,
    csv: Annotated[bool, Depends(is_csv)],
    after: Annotated[int, Query(ge=0, le=1_000_000_000, description="How many lines come before these.")] = 0,
    last: Annotated[bool, Query(description="No lines follow these.")] = False,
) -> Import:
    """Import lines, all of a file or some of it. Those that were imported already are skipped: sending again is safe.

    A line is a row of CSV, below a header that every request begins with, or a product as JSON. Lines are imported as
    they arrive, some hundred at a time; what is refused is in the report, and keeps no other line from being imported.
    After a broken connection, `lines` of the import says where to go on.
    """
    before = await imports.follow(import_id, after)
    async for piece in pieces(request.stream(), is_csv=csv, after=after):
        known = await imports.bring_in(import_id, piece)
        for outcome in Outcome:
            _lines.labels(outcome).inc(max(0, getattr(known, outcome) - getattr(before, outcome)))
        before = known
    return await (imports.finish(import_id) if last else imports.get(import_id))


@router.get("/v1/product-imports/{import_id}", response_model=ImportOut, responses=responses(ImportNotFoundError))
async def read_import(import_id: UUID, imports: Importing) -> Import:
    """Return how far an import is, and what became of its lines. It is kept for thirty days."""
    return await imports.get(import_id)


@router.get("/v1/product-imports/{import_id}/lines", responses=responses(ImportNotFoundError, MalformedCursorError))
async def list_lines(
    import_id: UUID,
    imports: Importing,
    reports: ImportReports,
    paging: Paging,
    request: Request,
    response: Response,
    outcome: Outcome | None = None,
) -> Page[ImportLineOut]:
    """List what became of each line."""
    await imports.get(import_id)
    rows = await reports.find_lines(import_id, outcome, after=paging.after(int), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda report: (report.line,))
    link_next(request, response, next_cursor)
    return Page(items=[ImportLineOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get(
    "/v1/product-exports",
    response_class=StreamingResponse,
    responses={200: {"content": {CSV: _BODY, JSON_LINES: _BODY}}},
)
async def export_products(
    products: Directory,
    format: Annotated[Format, Query()] = Format.JSON_LINES,  # noqa: A002 - the parameter's name in the address
    status: Status | None = None,
) -> StreamingResponse:
    """Return all products as a file that can be imported again, newest first.

    JSON lines hold everything. CSV, with a row per variant, holds what a variant costs now, and images without words.
    """
    lines = csv_lines(products, status) if format is Format.CSV else json_lines(products, status)
    return StreamingResponse(lines, media_type=CSV if format is Format.CSV else JSON_LINES)
