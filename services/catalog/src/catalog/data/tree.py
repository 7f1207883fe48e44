"""Categories as rows, read without entities and without a transaction."""

from sqlalchemy import literal, select

from catalog.data.tables import categories
from catalog.domain.views import CategoryTree, CategoryView
from chassis.database import Database
from chassis.keyset import read_page

_columns = [categories.c[name] for name in CategoryView._fields]


class SqlCategoryDirectory:
    """The ``CategoryDirectory`` of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, slug: str) -> CategoryTree | None:
        """Return a category with its neighbours or None; see the port."""
        own = select(*_columns, literal(0).label("steps")).where(categories.c.slug == slug)
        way = own.cte("way", recursive=True)
        way = way.union_all(select(*_columns, way.c.steps + 1).join(way, categories.c.slug == way.c.parent))
        below = select(*_columns).where(categories.c.parent == slug).order_by(categories.c.slug)
        async with self._database.read() as connection:
            found = (await connection.execute(select(way).order_by(way.c.steps.desc()))).all()
            children = (await connection.execute(below)).all()
        if not found:
            return None
        *above, category = [CategoryView(*row[:-1]) for row in found]
        return CategoryTree(category, above, [CategoryView._make(row) for row in children])

    async def find_all(self, *, after: tuple[str] | None, limit: int) -> list[CategoryView]:
        """Return a page of categories; see the port."""
        page = read_page(select(*_columns), categories.c.slug, after=after, limit=limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(page)).all()
        return [CategoryView._make(row) for row in rows]
