"""Statements that change many rows at once, past the session's objects."""

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Update
from sqlalchemy.ext.asyncio import AsyncSession


async def rows_changed(session: AsyncSession, statement: Update | Delete) -> int:
    """Run a statement; return how many rows it changed."""
    result = await session.execute(statement)
    return cast("CursorResult[Any]", result).rowcount
