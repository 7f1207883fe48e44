"""What counts as a broken promise, from the side of whoever holds the old version."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis.contracts import breaking_openapi_changes, breaking_schema_changes, settle, settle_folder

Document = dict[str, Any]
Change = Callable[[Document], None]


def event() -> Document:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "tier", "total"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "tier": {"enum": ["standard", "premium"], "type": "string"},
            "total": {"$ref": "#/$defs/Money"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "$defs": {
            "Money": {
                "type": "object",
                "required": ["amount", "currency"],
                "properties": {"amount": {"type": "integer"}, "currency": {"type": "string"}},
            }
        },
    }


def changed(document: Document, change: Change) -> Document:
    document = copy.deepcopy(document)
    change(document)
    return document


def assign(*steps: str, value: Any) -> Change:
    def change(document: Document) -> None:
        for step in steps[:-1]:
            document = document[step]
        document[steps[-1]] = value

    return change


def drop(*steps: str) -> Change:
    def change(document: Document) -> None:
        for step in steps[:-1]:
            document = document[step]
        del document[steps[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop("properties", "id"), "data.id: is gone"),
        (assign("required", value=["id", "total"]), "data.tier: was always there, may now be missing"),
        (assign("properties", "id", value={"type": "integer"}), "data.id: may now be integer"),
        (assign("properties", "id", value={"type": "string"}), "data.id: may now be string"),
        (assign("properties", "tier", "enum", value=["standard", "premium", "gold"]), "data.tier: may now be 'gold'"),
        (
            assign("properties", "tier", value={"type": "string"}),
            "data.tier: was one of a list of words, may now be any",
        ),
        (drop("$defs", "Money", "properties", "currency"), "data.total.currency: is gone"),
        (
            assign("$defs", "Money", "properties", "amount", "type", value="number"),
            "data.total.amount: may now be number",
        ),
        (
            assign("properties", "total", value={"anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}]}),
            "data.total: may now be null",
        ),
        (assign("properties", "note", value={"type": ["string", "integer"]}), "data.note: may now be integer"),
        (assign("properties", "tags", "items", "type", value="integer"), "data.tags[]: may now be integer"),
        (
            assign("properties", "labels", "additionalProperties", "type", value="integer"),
            "data.labels.*: may now be integer",
        ),
        (drop("properties", "labels", "additionalProperties"), "data.labels.*: may now be anything"),
    ],
)
def test_change_that_trips_an_events_reader_is_named(change: Change, sentence: str) -> None:
    assert breaking_schema_changes(event(), changed(event(), change)) == [sentence]


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        assign("properties", "colour", value={"type": "string"}),
        assign("required", value=["id", "tier", "total", "note"]),
        assign("properties", "tier", "enum", value=["standard"]),
        assign("properties", "note", value={"type": "string"}),
        assign("properties", "tier", "description", value="What the customer pays for."),
        assign("properties", "id", "maxLength", value=36),
    ],
    ids=["none", "new field", "always there now", "fewer words", "no longer null", "described", "bounded"],
)
def test_change_that_no_reader_of_an_event_notices_is_allowed(change: Change) -> None:
    assert breaking_schema_changes(event(), changed(event(), change)) == []


def test_renamed_definition_is_no_change() -> None:
    new = event()
    new["$defs"]["Amount"] = new["$defs"].pop("Money")
    new["properties"]["total"]["$ref"] = "#/$defs/Amount"
    assert breaking_schema_changes(event(), new) == []


def test_extensible_list_of_words_may_grow() -> None:
    old = changed(event(), assign("properties", "tier", value={"type": "string", "x-extensible-enum": ["standard"]}))
    new = changed(event(), assign("properties", "tier", value={"type": "string", "x-extensible-enum": ["a", "b"]}))
    assert breaking_schema_changes(old, new) == []


def test_schema_that_holds_itself_is_compared_once() -> None:
    tree = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
            }
        },
    }
    new = changed(tree, drop("$defs", "Node", "properties", "name"))
    assert breaking_schema_changes(tree, tree) == []
    assert breaking_schema_changes(tree, new) == ["data.name: is gone"]


def api() -> Document:
    return {
        "paths": {
            "/v1/orders/{order_id}": {
                "parameters": [{"in": "path", "name": "order_id", "required": True, "schema": {"type": "string"}}],
                "post": {
                    "parameters": [{"in": "query", "name": "wait", "schema": {"type": "integer", "maximum": 9}}],
                    "security": [{"oauth2": ["orders:own"]}],
                    "requestBody": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderIn"}}},
                    },
                    "responses": {
                        "201": {
                            "headers": {"Location": {"schema": {"type": "string"}}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderOut"}}},
                        },
                        "409": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                    },
                },
            },
        },
        "components": {
            "schemas": {
                "OrderIn": {
                    "type": "object",
                    "required": ["sku"],
                    "properties": {
                        "sku": {"type": "string", "maxLength": 40},
                        "pace": {"type": "string", "enum": ["slow", "fast"]},
                    },
                },
                "OrderOut": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string"}, "weight": {"type": "integer"}},
                },
            }
        },
    }


PATH = ("paths", "/v1/orders/{order_id}")
POST = (*PATH, "post")
BODY = ("components", "schemas", "OrderIn")
OUT = ("components", "schemas", "OrderOut")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop(*POST), "is gone, and was not deprecated before"),
        (assign(*POST, "parameters", value=[]), "query parameter wait is gone"),
        (
            assign(*POST, "parameters", value=[{"in": "query", "name": "wait", "required": True}]),
            "query parameter wait is required now",
        ),
        (
            assign(
                *POST,
                "parameters",
                value=[{"in": "query", "name": "wait", "schema": {"type": "integer", "maximum": 5}}],
            ),
            "query parameter wait: maximum was 9, is 5",
        ),
        (
            assign(
                *PATH,
                "parameters",
                value=[{"in": "path", "name": "order_id", "required": True, "schema": {"type": "integer"}}],
            ),
            "path parameter 1: may no longer be string",
        ),
        (assign(*POST, "requestBody", "required", value=True), "a body is required now"),
        (assign(*POST, "requestBody", value={}), "body is no longer application/json"),
        (assign(*BODY, "required", value=["sku", "pace"]), "body.pace: is required now"),
        (drop(*BODY, "properties", "pace"), "body.pace: is gone"),
        (assign(*BODY, "properties", "pace", "enum", value=["slow"]), "body.pace: may no longer be 'fast'"),
        (
            assign(*BODY, "properties", "sku", "enum", value=["a"]),
            "body.sku: could be anything, must now be one of a list of words",
        ),
        (assign(*BODY, "properties", "sku", "minLength", value=2), "body.sku: minLength was not set, is 2"),
        (assign(*BODY, "properties", "sku", "pattern", value="^A"), "body.sku: has to match ^A now"),
        (assign(*BODY, "additionalProperties", value=False), "body: unknown fields are refused now"),
        (assign(*POST, "responses", "201", "content", value={}), "answer 201 is no longer application/json"),
        (assign(*POST, "responses", "201", "headers", value={}), "answer 201 no longer has the header Location"),
        (drop(*POST, "responses", "201"), "no longer answers 201"),
        (drop(*OUT, "properties", "weight"), "answer 201.weight: is gone"),
        (assign(*OUT, "properties", "weight", "type", value="number"), "answer 201.weight: may now be number"),
        (assign(*OUT, "required", value=[]), "answer 201.id: was always there, may now be missing"),
        (
            assign(*POST, "security", value=[{"oauth2": ["orders:own", "orders:manage"]}]),
            "asks for more than oauth2 (orders:own)",
        ),
    ],
)
def test_change_that_trips_a_client_is_named(change: Change, sentence: str) -> None:
    assert breaking_openapi_changes(api(), changed(api(), change)) == [f"POST /v1/orders/{{}}: {sentence}"]


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        assign("paths", "/v1/carts", value={"get": {"responses": {}}}),
        assign(*PATH, "get", value={"responses": {}}),
        assign(*BODY, "properties", "note", value={"type": "string"}),
        assign(*BODY, "properties", "pace", "enum", value=["slow", "fast", "express"]),
        assign(*BODY, "properties", "sku", "maxLength", value=80),
        assign(*BODY, "required", value=[]),
        assign(*OUT, "properties", "colour", value={"type": "string"}),
        drop(*POST, "responses", "409"),
        assign(*POST, "responses", "412", value={}),
        assign(*POST, "security", value=[{"oauth2": ["orders:own"]}, {"key": []}]),
        assign(*POST, "security", value=[]),
    ],
    ids=[
        "none",
        "new path",
        "new method",
        "new optional field",
        "more words taken",
        "longer values taken",
        "no longer required",
        "new field in answers",
        "error that never comes",
        "new error",
        "another way to authenticate",
        "open to all",
    ],
)
def test_change_that_no_client_notices_is_allowed(change: Change) -> None:
    assert breaking_openapi_changes(api(), changed(api(), change)) == []


def test_removed_path_takes_its_operations_with_it() -> None:
    assert breaking_openapi_changes(api(), {"paths": {}}) == [
        "POST /v1/orders/{}: is gone, and was not deprecated before"
    ]


def test_open_operation_may_not_ask_for_a_credential() -> None:
    old = changed(api(), assign(*POST, "security", value=[]))
    assert breaking_openapi_changes(old, api()) == ["POST /v1/orders/{}: asks for more than no credential"]


def test_path_parameter_may_be_renamed() -> None:
    new = api()
    item = new["paths"].pop(PATH[1])
    item["parameters"][0]["name"] = "id"
    new["paths"]["/v1/orders/{id}"] = item
    assert breaking_openapi_changes(api(), new) == []


def test_deprecated_operation_may_go() -> None:
    old = changed(api(), assign(*POST, "deprecated", value=True))
    assert breaking_openapi_changes(old, {"paths": {}}) == []


def test_field_that_is_read_may_widen_where_it_is_only_written() -> None:
    wider = assign(*BODY, "properties", "sku", value={"anyOf": [{"type": "string"}, {"type": "null"}]})
    assert breaking_openapi_changes(api(), changed(api(), wider)) == []


def test_document_is_written_the_first_time_and_current_the_second(tmp_path: Path) -> None:
    path = tmp_path / "events" / "order-placed.v1.json"
    assert settle(path, event(), breaking_schema_changes) == []
    assert orjson.loads(path.read_bytes()) == event()
    assert settle(path, event(), breaking_schema_changes, check=True) == []


def test_check_says_that_a_document_is_not_current_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    settle(path, event(), breaking_schema_changes)
    written = path.read_bytes()
    [sentence] = settle(path, changed(event(), assign("title", value="Placed")), breaking_schema_changes, check=True)
    assert "not current" in sentence
    assert '+  "title": "Placed"' in sentence
    assert path.read_bytes() == written


def test_breaking_change_is_refused_and_the_document_stays(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    settle(path, event(), breaking_schema_changes)
    written = path.read_bytes()
    [sentence] = settle(path, changed(event(), drop("properties", "id")), breaking_schema_changes)
    assert sentence == f"{path}: breaks what was promised: data.id: is gone"
    assert path.read_bytes() == written


def test_harmless_change_is_written(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    new = changed(event(), assign("title", value="Placed"))
    settle(path, event(), breaking_schema_changes)
    assert settle(path, new, breaking_schema_changes) == []
    assert orjson.loads(path.read_bytes()) == new


def test_schema_that_nothing_publishes_any_more_is_a_broken_promise(tmp_path: Path) -> None:
    settle_folder(tmp_path, {"order-placed.v1": event()}, breaking_schema_changes)
    [sentence] = settle_folder(tmp_path, {"order-placed.v2": event()}, breaking_schema_changes, check=False)
    assert "nothing says order-placed.v1 any more" in sentence
    assert (tmp_path / "order-placed.v2.json").exists()
