"""Categories: a tree by which people look for products."""

from collections.abc import Sequence

from chassis.errors import ConflictError, InvalidError, NotFoundError

MAX_DEPTH = 6
"""How many categories may lie in one another."""


class CategoryNotFoundError(NotFoundError):
    """There is no category with this slug."""

    code = "category-not-found"
    title = "No such category"


class CategoryExistsError(ConflictError):
    """There is a category with this slug already."""

    code = "category-exists"
    title = "The category exists already"


class CategoryInUseError(ConflictError):
    """A category with products or categories in it cannot be removed."""

    code = "category-in-use"
    title = "The category is not empty"


class CategoryMisplacedError(InvalidError):
    """A category cannot lie there: within itself, too deep, or in one that does not exist."""

    code = "category-misplaced"
    title = "The category cannot lie there"


class UnknownCategoryError(InvalidError):
    """A product was put into categories that do not exist."""

    code = "unknown-category"
    title = "A category does not exist"


class Category:
    """A category, known by its ``slug`` for ever; ``parent`` is the slug of the one it lies in, None at the top."""

    def __init__(self, slug: str, name: str) -> None:
        self.slug = slug
        self.version = 1
        self.name = name
        self.parent: str | None = None

    def rename(self, name: str) -> None:
        """Show it under another name."""
        if name != self.name:
            self.name = name
            self.version += 1

    def move(self, parent: str | None, above: Sequence[str], height: int) -> None:
        """Put it into another category, with all that lies in it.

        Args:
            parent: Where to; None for the top.
            above: ``parent`` and all it lies in.
            height: How many categories lie in one another from this one down, itself included.

        Raises:
            CategoryMisplacedError: It would lie within itself, or too deep.
        """
        if parent == self.parent:
            return
        if self.slug in above:
            raise CategoryMisplacedError("A category cannot lie within itself.")
        if len(above) + height > MAX_DEPTH:
            raise CategoryMisplacedError(f"At most {MAX_DEPTH} categories lie in one another.", limit=MAX_DEPTH)
        self.parent = parent
        self.version += 1
