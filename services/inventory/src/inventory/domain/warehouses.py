"""Where stock lies."""

from typing import NamedTuple

from chassis.errors import NotFoundError

DEFAULT = "main"
"""The warehouse that is there from the beginning, for whoever has only one."""


class WarehouseNotFoundError(NotFoundError):
    """There is no such warehouse."""

    code = "warehouse-not-found"
    title = "No such warehouse"


class Warehouse(NamedTuple):
    """A place. Stock is taken from the one with the lowest ``priority`` first."""

    code: str
    name: str
    priority: int
