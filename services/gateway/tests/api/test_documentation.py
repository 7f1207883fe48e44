import gzip
import re

import pytest

from .conftest import Client, Reply, Shop, StartGateway

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "description": "What there is to buy."},
    "paths": {
        "/v1/orders/{id}": {"get": {"operationId": "get_order", "responses": {"200": {"description": "It."}}}},
        "/v1/internal": {"get": {"responses": {"200": {"description": "Nobody's business."}}}},
    },
}


@pytest.fixture
def document(start_gateway: StartGateway, shop: Shop) -> Reply:
    shop.document = DOCUMENT
    with start_gateway() as ask:
        return ask.get("/openapi.json")


def test_document_has_what_the_services_offer_and_the_gateway_lets_in(document: Reply) -> None:
    assert document.status == 200
    assert list(document.json["paths"]) == ["/v1/orders/{id}"]
    operation = document.json["paths"]["/v1/orders/{id}"]["get"]
    assert operation["tags"] == ["shop"]
    assert {"oauth2": ["orders:manage"]} in operation["security"]


def test_document_says_which_services_are_missing(document: Reply) -> None:
    assert document.json["x-missing-services"] == ["gone"]


def test_document_describes_every_way_to_show_who_one_is(document: Reply) -> None:
    components = document.json["components"]
    assert set(components["securitySchemes"]) == {"bearer", "apiKey", "oauth2"}
    assert components["securitySchemes"]["oauth2"]["flows"]["password"]["tokenUrl"] == "/v1/oauth/token"
    assert components["securitySchemes"]["oauth2"]["flows"]["password"]["scopes"]["orders:own"] == "One's own orders."
    assert "Problem" in components["schemas"]


def test_password_is_offered_in_development_only(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway(environment="production") as ask:
        flows = ask.get("/openapi.json").json["components"]["securitySchemes"]["oauth2"]["flows"]
    assert list(flows) == ["clientCredentials"]


def test_page_loads_nothing_from_elsewhere(ask: Client) -> None:
    page = ask.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(links) >= 4
    for link in links:
        assert link.startswith("/")
        assert ask.get(link).status == 200


def test_assets_are_what_they_say_and_may_be_kept(ask: Client) -> None:
    script = ask.get("/docs/swagger-ui-bundle.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "SwaggerUIBundle" in script.body.decode()
    assert script.headers["cache-control"] == "public, max-age=3600"
    again = ask.get("/docs/swagger-ui-bundle.js", {"if-none-match": script.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    packed = ask.get("/docs/swagger-ui-bundle.js", {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(script.body) / 2
    assert gzip.decompress(packed.body) == script.body


def test_document_need_not_be_sent_twice(ask: Client) -> None:
    first = ask.get("/openapi.json")
    assert ask.get("/openapi.json", {"if-none-match": first.headers["etag"]}).status == 304


def test_start_page_says_where_to_go(ask: Client) -> None:
    assert ask.get("/").json == {"name": "Tradewind", "docs": "/docs", "openapi": "/openapi.json"}


def test_documentation_can_be_switched_off(start_gateway: StartGateway, shop: Shop) -> None:
    with start_gateway(openapi=False) as ask:
        assert [ask.get(path).status for path in ("/docs", "/docs/start.js", "/")] == [404, 404, 404]
        assert ask.get("/livez").status == 200
