"""The route rules, tried with every spelling that has walked around such rules elsewhere."""

import pytest

from chassis.testing import TokenIssuer

from .conftest import Client, Shop

OWN = "/v1/orders"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders/7",
        "//v1/orders/7",
        "/v1//orders/7",
        "/v1/./orders/7",
        "/v1/orders/./7",
        "/v1/open/../orders/7",
        "/v1/orders%2F7",
        "/v1%2Forders/7",
        "/v1/%6frders/7",
        "/v1/open/..%2Forders/7",
    ],
)
def test_rule_holds_however_the_path_is_spelt(ask: Client, shop: Shop, tokens: TokenIssuer, path: str) -> None:
    assert ask.get(path).status == 401
    assert ask.get(path, tokens.headers("ada", "orders:own")).status == 403
    assert shop.seen == []
    assert ask.get(path, tokens.headers("ada", "orders:manage")).status == 200
    assert shop.seen[0]["raw_path"] == "/v1/orders/7"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/open/%2e%2e/orders/7",
        "/v1/open/.%2E/orders/7",
        "/v1/open\\..\\orders/7",
        "/v1/open/..%5Corders/7",
        "/v1/open/%00",
        "/v1/open/%zz",
        "/../v1/open/x",
    ],
)
def test_ambiguous_path_is_refused(ask: Client, shop: Shop, path: str) -> None:
    reply = ask.get(path)
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert shop.seen == []
    assert ask.get("/v1/open/x").status == 200


def test_path_is_decoded_once(ask: Client, shop: Shop) -> None:
    ask.get("/v1/open/%252Forders")
    assert shop.seen[0]["raw_path"] == "/v1/open/%252Forders"


def test_own_paths_have_one_spelling_too(ask: Client) -> None:
    assert ask.get("//livez").status == 200
    assert ask.get("/%6civez").status == 200


def test_unknown_path_is_a_404(ask: Client, shop: Shop) -> None:
    reply = ask.get("/v1/nowhere")
    assert (reply.status, reply.json["code"]) == (404, "not-found")
    assert reply.json["instance"] == "/v1/nowhere"
    assert reply.json["trace_id"] == reply.headers["x-request-id"]
    assert shop.seen == []


def test_service_is_reached_by_its_routes_only(ask: Client, shop: Shop) -> None:
    for path in ("/livez", "/readyz", "/openapi.json", "/metrics", "/v1/internal", "/v1/oauth/token"):
        ask.get(path)
    assert [seen for seen in shop.seen if seen["raw_path"] != "/openapi.json"] == []


def test_method_that_no_route_takes_is_a_405_with_those_it_takes(ask: Client, shop: Shop) -> None:
    reply = ask("DELETE", "/v1/open/x")
    assert (reply.status, reply.json["code"]) == (405, "method-not-allowed")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"
    assert shop.seen == []


def test_options_says_which_methods_there_are(ask: Client, shop: Shop) -> None:
    reply = ask("OPTIONS", "/v1/orders")
    assert (reply.status, reply.headers["allow"], reply.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert shop.seen == []
