"""Categories: read by everybody, changed by staff."""

from typing import Annotated

from fastapi import Path, Request, Response

from catalog.api.deps import Categories, CategoryTrees, Staff
from catalog.api.fields import Slug
from catalog.api.schemas import CategoryIn, CategoryOut, CategoryPatch, CategoryTreeOut
from catalog.domain.categories import (
    CategoryExistsError,
    CategoryInUseError,
    CategoryMisplacedError,
    CategoryNotFoundError,
)
from catalog.domain.views import CategoryView
from chassis.conditional import Unchanged, tag
from chassis.pagination import MalformedCursorError, Page, Paging, cut, link_next
from chassis.problems import responses
from chassis.routing import Router

router = Router(prefix="/v1/categories", tags=["categories"])

Reference = Annotated[Slug, Path(description="The category's slug.")]


@router.get("", responses=responses(MalformedCursorError))
async def list_categories(
    paging: Paging, categories: CategoryTrees, request: Request, response: Response
) -> Page[CategoryOut]:
    """List all categories by their slugs; `parent` makes a tree of them."""
    rows = await categories.find_all(after=paging.after(str), limit=paging.limit)
    page, next_cursor = cut(rows, paging.limit, key=lambda category: (category.slug,))
    link_next(request, response, next_cursor)
    return Page(items=[CategoryOut.model_validate(each) for each in page], next_cursor=next_cursor)


@router.get("/{slug}", response_model=CategoryTreeOut, responses=responses(CategoryNotFoundError))
async def read_category(slug: Reference, categories: CategoryTrees, response: Response) -> CategoryTreeOut:
    """Return a category, those it lies in, and those that lie in it. The `ETag` is what edits name."""
    tree = await categories.find(slug)
    if tree is None:
        raise CategoryNotFoundError(slug=slug)
    tag(response, tree.category.version)
    return CategoryTreeOut.of(tree)


@router.post(
    "",
    response_model=CategoryOut,
    status_code=201,
    dependencies=[Staff],
    responses=responses(CategoryExistsError, CategoryMisplacedError),
)
async def create_category(body: CategoryIn, categories: Categories, response: Response) -> CategoryView:
    """Make a category. Its slug is its name for ever, so that asking twice makes one."""
    category = await categories.create(body.slug, body.name, body.parent)
    response.headers["location"] = f"/v1/categories/{category.slug}"
    tag(response, category.version)
    return category


@router.patch(
    "/{slug}",
    response_model=CategoryOut,
    dependencies=[Staff],
    responses=responses(CategoryNotFoundError, CategoryMisplacedError),
)
async def change_category(
    slug: Reference, patch: CategoryPatch, categories: Categories, unchanged: Unchanged, response: Response
) -> CategoryView:
    """Rename a category, or move it with all that lies in it."""
    category = await categories.change(slug, patch.model_dump(exclude_unset=True), unchanged)
    tag(response, category.version)
    return category


@router.delete(
    "/{slug}", status_code=204, dependencies=[Staff], responses=responses(CategoryNotFoundError, CategoryInUseError)
)
async def remove_category(slug: Reference, categories: Categories) -> None:
    """Remove a category in which nothing lies any more."""
    await categories.remove(slug)
