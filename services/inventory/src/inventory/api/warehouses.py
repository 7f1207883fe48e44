"""Where stock lies. Staff only."""

from fastapi import Request, Response

from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router
from chassis.security import requires
from inventory.api.deps import MANAGE, Directory, Unit
from inventory.api.fields import WarehouseCode
from inventory.api.schemas import WarehouseIn, WarehouseOut
from inventory.domain.warehouses import Warehouse, WarehouseNotFoundError

router = Router(prefix="/v1/warehouses", tags=["warehouses"], dependencies=[requires(MANAGE)])


@router.get("", responses=responses(MalformedCursorError))
async def list_warehouses(paging: Paging, stock: Directory, request: Request, response: Response) -> Page[WarehouseOut]:
    """List warehouses, by code."""
    rows = await stock.find_warehouses(after=paging.after(str), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda warehouse: (warehouse.code,))
    link_next(request, response, next_cursor)
    return Page(items=[WarehouseOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get("/{code}", response_model=WarehouseOut, responses=responses(WarehouseNotFoundError))
async def read_warehouse(code: WarehouseCode, stock: Directory) -> Warehouse:
    """Return a warehouse."""
    found = await stock.find_warehouse(code)
    if found is None:
        raise WarehouseNotFoundError(warehouse=code)
    return found


@router.put(
    "/{code}",
    response_model=WarehouseOut,
    responses={201: {"model": WarehouseOut, "description": "It is new"}},
)
async def put_warehouse(code: WarehouseCode, body: WarehouseIn, uow: Unit, response: Response) -> Warehouse:
    """Make a warehouse, or change its name and priority."""
    warehouse = Warehouse(code, body.name, body.priority)
    if await uow.warehouses.put(warehouse):
        response.status_code = 201
    return warehouse
