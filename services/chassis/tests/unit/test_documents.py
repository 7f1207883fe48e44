"""What the OpenAPI document adds to FastAPI's."""

from typing import Any

import pytest
from fastapi import FastAPI

from chassis.conditional import VERSIONED, Unchanged
from chassis.documents import build
from chassis.idempotency import Idempotent
from chassis.routing import Router

router = Router()


@router.get("/plain")
async def read_plain() -> None: ...


@router.get("/versioned", responses=VERSIONED)
async def read_versioned() -> None: ...


@router.delete("/edited")
async def edit(unchanged: Unchanged) -> None: ...


@router.post("/made")
async def make(once: Idempotent) -> None: ...


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    app = FastAPI()
    app.router.routes += router.routes
    found: dict[str, Any] = build(app)["paths"]
    return found


def test_every_operation_may_be_unavailable_or_late(paths: dict[str, Any]) -> None:
    assert set(paths["/plain"]["get"]["responses"]) == {"200", "503", "504"}


def test_versioned_read_shows_its_tag_and_takes_the_one_that_is_known(paths: dict[str, Any]) -> None:
    read = paths["/versioned"]["get"]
    assert set(read["responses"]) == {"200", "304", "503", "504"}
    assert set(read["responses"]["200"]["headers"]) == {"ETag"}
    assert "content" not in read["responses"]["304"]
    assert [(each["in"], each["name"]) for each in read["parameters"]] == [("header", "If-None-Match")]
    assert "parameters" not in paths["/plain"]["get"]


def test_conditional_edit_may_find_another_version_or_name_none(paths: dict[str, Any]) -> None:
    assert {"412", "428"} <= set(paths["/edited"]["delete"]["responses"])
    assert not {"412", "428"} & set(paths["/made"]["post"]["responses"])


def test_key_may_be_malformed_in_use_or_used_for_something_else(paths: dict[str, Any]) -> None:
    assert {"400", "409", "422"} <= set(paths["/made"]["post"]["responses"])
    assert not {"400", "409", "422"} & set(paths["/plain"]["get"]["responses"])
