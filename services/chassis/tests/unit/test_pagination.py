from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from fastapi import FastAPI, Request, Response
from httpx2 import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from chassis import problems
from chassis.cursors import encode
from chassis.pagination import MalformedCursorError, Page, PageParams, Paging, cut, link_next

pytestmark = pytest.mark.anyio


class NumberOut(BaseModel):
    number: int


def build() -> FastAPI:
    app = FastAPI()
    problems.install(app)

    @app.get("/v1/numbers/{kind}", responses=problems.responses(MalformedCursorError))
    async def list_numbers(kind: str, paging: Paging, request: Request, response: Response) -> Page[NumberOut]:
        after = paging.after(int)
        first = 0 if after is None else after[0] + 1
        rows = list(range(first, min(first + paging.limit + 1, 250)))
        page, next_cursor = cut(rows, paging.limit, key=lambda number: (number,))
        link_next(request, response, next_cursor)
        return Page(items=[NumberOut(number=number) for number in page], next_cursor=next_cursor)

    return app


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app=build()), base_url="http://service.test") as opened:
        yield opened


async def test_pages_follow_each_other_to_the_end(client: AsyncClient) -> None:
    numbers: list[int] = []
    params: dict[str, Any] = {"limit": 100}
    sizes = []
    while True:
        page = (await client.get("/v1/numbers/all", params=params)).json()
        numbers += [item["number"] for item in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert numbers == list(range(250))
    assert sizes == [100, 100, 50]


async def test_twenty_is_the_default(client: AsyncClient) -> None:
    assert len((await client.get("/v1/numbers/all")).json()["items"]) == 20


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
async def test_limit_has_bounds(client: AsyncClient, limit: str) -> None:
    response = await client.get("/v1/numbers/all", params={"limit": limit})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/limit"


@pytest.mark.parametrize("cursor", ["", "!", "é", encode(["a"]), encode([1, 2]), "a" * 3000])
async def test_cursor_of_another_list_is_a_malformed_request(client: AsyncClient, cursor: str) -> None:
    response = await client.get("/v1/numbers/all", params={"cursor": cursor})
    assert response.status_code == 400
    assert response.json()["code"] == "malformed-cursor"


async def test_link_leads_to_the_next_page_with_the_same_filters(client: AsyncClient) -> None:
    first = await client.get(
        "/v1/numbers/a b>", params=[("limit", "2"), ("tag", "x&y"), ("tag", "ü"), ("cursor", encode([9]))]
    )

    link = first.headers["link"]
    assert link.startswith("</v1/numbers/a%20b%3E?")
    assert link.endswith('>; rel="next"')
    query = parse_qsl(urlsplit(link[1:].partition(">")[0]).query)
    assert query == [("limit", "2"), ("tag", "x&y"), ("tag", "ü"), ("cursor", first.json()["next_cursor"])]
    assert [item["number"] for item in first.json()["items"]] == [10, 11]

    second = await client.get(link[1:].partition(">")[0])
    assert [item["number"] for item in second.json()["items"]] == [12, 13]


async def test_last_page_has_no_link(client: AsyncClient) -> None:
    response = await client.get("/v1/numbers/all", params={"cursor": encode([240])})
    assert response.json()["next_cursor"] is None
    assert "link" not in response.headers


def test_key_comes_with_its_types() -> None:
    at, identity = datetime(2030, 1, 1, tzinfo=UTC), UUID(int=7)
    assert PageParams(cursor=encode([at, identity])).after(datetime, UUID) == (at, identity)
    assert PageParams().after(datetime, UUID) is None


@given(st.integers(0, 60), st.integers(1, 50))
def test_nothing_is_left_out_and_nothing_twice(size: int, limit: int) -> None:
    rows = list(range(size))
    seen: list[int] = []
    start = 0
    while True:
        page, cursor = cut(rows[start : start + limit + 1], limit, key=lambda row: (row,))
        assert len(page) <= limit
        seen += page
        if cursor is None:
            break
        after = PageParams(cursor=cursor).after(int)
        assert after is not None
        start = after[0] + 1
    assert seen == rows


def test_page_that_ends_the_list_exactly_is_the_last() -> None:
    assert cut([1, 2], 2, key=lambda row: (row,)) == ([1, 2], None)


def test_document_shows_page_and_parameters() -> None:
    document = build().openapi()
    parameters = document["paths"]["/v1/numbers/{kind}"]["get"]["parameters"]
    assert {each["name"]: each["required"] for each in parameters} == {"kind": True, "limit": False, "cursor": False}
    page = document["components"]["schemas"]["Page_NumberOut_"]
    assert page["required"] == ["items", "next_cursor"]
