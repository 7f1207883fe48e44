from typing import Any

from gateway.domain.documents import merged
from gateway.domain.routes import Route, RouteTable

FRAME: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "All", "description": "All."},
    "components": {"schemas": {"Problem": {"type": "object"}}, "securitySchemes": {"bearer": {}}},
}
TABLE = RouteTable(
    [
        Route(path="/v1/books*", service="books", methods=frozenset({"GET"}), scopes=("books:read",)),
        Route(path="/v1/toys", service="toys", methods=frozenset({"GET", "POST"}), public=True),
    ]
)


def part(path: str, schemas: dict[str, Any], *, refers: str = "Page", **operation: Any) -> dict[str, Any]:
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{refers}"}}}}}
    return {
        "info": {"description": f"About {path}."},
        "paths": {path: {"get": {"responses": answer, **operation}}},
        "components": {"schemas": schemas},
    }


def schema_of(document: dict[str, Any], path: str) -> str:
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    reference: str = content["application/json"]["schema"]["$ref"]
    return reference.rsplit("/", 1)[1]


def test_only_what_a_route_lets_in_is_described() -> None:
    books = part("/v1/books/{id}", {"Page": {}})
    books["paths"]["/v1/internal"] = {"get": {"responses": {}}}
    books["paths"]["/v1/books/{id}"]["delete"] = {"responses": {}}
    books["paths"]["/v1/toys"] = {"get": {"responses": {}}}
    document = merged({"books": books}, TABLE, FRAME)
    assert list(document["paths"]) == ["/v1/books/{id}"]
    assert list(document["paths"]["/v1/books/{id}"]) == ["get"]


def test_equal_schemas_are_there_once() -> None:
    page = {"Page": {"type": "array"}}
    document = merged({"books": part("/v1/books", page), "toys": part("/v1/toys", page)}, TABLE, FRAME)
    assert list(document["components"]["schemas"]) == ["Page", "Problem"]


def test_different_schemas_of_one_name_are_told_apart() -> None:
    document = merged(
        {"books": part("/v1/books", {"Page": {"title": "b"}}), "toys": part("/v1/toys", {"Page": {"title": "t"}})},
        TABLE,
        FRAME,
    )
    assert schema_of(document, "/v1/books") == "BooksPage"
    assert schema_of(document, "/v1/toys") == "ToysPage"
    assert document["components"]["schemas"]["BooksPage"] == {"title": "b"}
    assert document["components"]["schemas"]["ToysPage"] == {"title": "t"}


def test_equal_schemas_that_refer_to_different_ones_are_told_apart_too() -> None:
    page = {"items": {"$ref": "#/components/schemas/Item"}}
    document = merged(
        {
            "books": part("/v1/books", {"Page": page, "Item": {"title": "book"}}),
            "toys": part("/v1/toys", {"Page": page, "Item": {"title": "toy"}}),
        },
        TABLE,
        FRAME,
    )
    schemas = document["components"]["schemas"]
    assert schemas["BooksPage"]["items"]["$ref"].endswith("/BooksItem")
    assert schemas["ToysPage"]["items"]["$ref"].endswith("/ToysItem")


def test_discriminators_follow_the_new_names() -> None:
    union = {"discriminator": {"mapping": {"a": "#/components/schemas/Item"}}}
    document = merged(
        {
            "books": part("/v1/books", {"Page": union, "Item": {"title": "book"}}),
            "toys": part("/v1/toys", {"Item": {"title": "toy"}}, refers="Item"),
        },
        TABLE,
        FRAME,
    )
    mapping = document["components"]["schemas"]["BooksPage"]["discriminator"]["mapping"]
    assert mapping == {"a": "#/components/schemas/BooksItem"}


def test_schemas_that_nothing_refers_to_are_left_out() -> None:
    document = merged({"books": part("/v1/books", {"Page": {}, "Unused": {}})}, TABLE, FRAME)
    assert "Unused" not in document["components"]["schemas"]


def test_operations_have_their_service_as_tag_and_what_the_gateway_wants() -> None:
    document = merged({"books": part("/v1/books", {"Page": {}}), "toys": part("/v1/toys", {"Page": {}})}, TABLE, FRAME)
    books = document["paths"]["/v1/books"]["get"]
    assert books["tags"] == ["books"]
    assert books["security"] == [{"bearer": []}, {"apiKey": []}, {"oauth2": ["books:read"]}]
    assert list(books["responses"]) == ["200", "400", "429"]
    assert document["paths"]["/v1/toys"]["get"]["security"] == []
    assert document["tags"][0] == {"name": "books", "description": "About /v1/books."}


def test_operation_ids_are_unique() -> None:
    document = merged(
        {
            "books": part("/v1/books", {"Page": {}}, operationId="list"),
            "toys": part("/v1/toys", {"Page": {}}, operationId="list"),
        },
        TABLE,
        FRAME,
    )
    assert document["paths"]["/v1/books"]["get"]["operationId"] == "books_list"
    assert document["paths"]["/v1/toys"]["get"]["operationId"] == "toys_list"


def test_neither_parts_nor_frame_are_changed() -> None:
    books = part("/v1/books", {"Page": {"title": "b"}}, operationId="list")
    toys = part("/v1/toys", {"Page": {"title": "t"}}, operationId="list")
    before = repr((books, toys, FRAME))
    merged({"books": books, "toys": toys}, TABLE, FRAME)
    assert repr((books, toys, FRAME)) == before
