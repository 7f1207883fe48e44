"""What one request changes, in one session."""

from sqlalchemy.ext.asyncio import AsyncSession

from catalog.data.categories import SqlCategoryRepository
from catalog.data.imports import SqlImportRepository
from catalog.data.products import SqlProductRepository


class SqlUnitOfWork:
    """The ``UnitOfWork`` of one session, which somebody else opens and commits."""

    def __init__(self, session: AsyncSession) -> None:
        self.products = SqlProductRepository(session)
        self.imports = SqlImportRepository(session)
        self.categories = SqlCategoryRepository(session)
