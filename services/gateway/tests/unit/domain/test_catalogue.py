from typing import Any

import pytest

from gateway.domain.catalogue import Catalogue
from gateway.domain.ports import ServiceAwayError
from gateway.domain.routes import Route, RouteTable

pytestmark = pytest.mark.anyio

TABLE = RouteTable(
    [
        Route(path="/v1/books", service="books", methods=frozenset({"GET"})),
        Route(path="/v1/toys", service="toys", methods=frozenset({"GET"})),
    ]
)
FRAME: dict[str, Any] = {"info": {"description": "All."}}


class FakeSource:
    """Documents in a dictionary; a service that is not there is away."""

    def __init__(self, *services: str) -> None:
        self.here = set(services)
        self.asked = 0

    async def document(self, service: str) -> dict[str, Any]:
        self.asked += 1
        if service not in self.here:
            raise ServiceAwayError
        return {"paths": {f"/v1/{service}": {"get": {"responses": {}}}}}


class Seconds:
    """A monotonic clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def catalogue(source: FakeSource, seconds: Seconds) -> Catalogue:
    return Catalogue(source, TABLE, FRAME, fresh_seconds=60, partial_seconds=2, monotonic=seconds)


async def test_complete_document_is_remembered_for_its_time() -> None:
    source, seconds = FakeSource("books", "toys"), Seconds()
    described = catalogue(source, seconds)
    assert sorted((await described.document())["paths"]) == ["/v1/books", "/v1/toys"]
    seconds.now = 59
    await described.document()
    assert source.asked == 2
    seconds.now = 61
    await described.document()
    assert source.asked == 4


async def test_service_that_is_away_is_named_and_asked_again_soon() -> None:
    source, seconds = FakeSource("books"), Seconds()
    described = catalogue(source, seconds)
    partial = await described.document()
    assert list(partial["paths"]) == ["/v1/books"]
    assert partial["x-missing-services"] == ["toys"]
    assert "toys" in partial["info"]["description"]
    source.here.add("toys")
    seconds.now = 3
    complete = await described.document()
    assert sorted(complete["paths"]) == ["/v1/books", "/v1/toys"]
    assert "x-missing-services" not in complete
    assert complete["info"]["description"] == "All."


async def test_service_that_went_away_is_described_as_it_was() -> None:
    source, seconds = FakeSource("books", "toys"), Seconds()
    described = catalogue(source, seconds)
    await described.document()
    source.here.clear()
    seconds.now = 61
    document = await described.document()
    assert sorted(document["paths"]) == ["/v1/books", "/v1/toys"]
    assert "x-missing-services" not in document
