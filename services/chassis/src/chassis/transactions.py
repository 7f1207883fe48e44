"""Whether a unit of work is open in this task: while one is, no call may leave the process.

A module of its own, so that ``clients`` can ask without a database library being installed.
"""

from contextvars import ContextVar

open_unit: ContextVar[bool] = ContextVar("chassis_open_unit", default=False)
