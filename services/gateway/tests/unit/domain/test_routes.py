import pytest

from gateway.domain.routes import Route, RouteTable


def route(path: str, *methods: str, service: str = "shop") -> Route:
    return Route(path=path, service=service, methods=frozenset(methods or {"GET"}))


TABLE = RouteTable(
    [
        route("/v1/customers/me", "GET", "PATCH"),
        route("/v1/customers/*", "GET", "PUT", service="staff"),
        route("/v1/customers/vip*", "GET", service="vip"),
        route("/v1/customers", "GET", "POST"),
        route("/files/*", "GET", "HEAD"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "pattern"),
    [
        ("GET", "/v1/customers/me", "/v1/customers/me"),
        ("PUT", "/v1/customers/me", "/v1/customers/*"),
        ("GET", "/v1/customers/7", "/v1/customers/*"),
        ("GET", "/v1/customers/vip/7", "/v1/customers/vip*"),
        ("GET", "/v1/customers/vips", "/v1/customers/vip*"),
        ("PUT", "/v1/customers/vip/7", "/v1/customers/*"),
        ("POST", "/v1/customers", "/v1/customers"),
        ("HEAD", "/v1/customers/me", "/v1/customers/me"),
        ("HEAD", "/files/1", "/files/*"),
    ],
)
def test_most_specific_pattern_that_takes_the_method_wins(method: str, path: str, pattern: str) -> None:
    found = TABLE.find(method, path)
    assert found is not None
    assert found.path == pattern


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/customers/me"),
        ("GET", "/v1/customers/"[:-1] + "x"),
        ("GET", "/v1"),
        ("GET", "/"),
        ("HEAD", "/v1/elsewhere"),
        ("POST", "/files/1"),
    ],
)
def test_what_no_pattern_takes_has_no_route(method: str, path: str) -> None:
    assert TABLE.find(method, path) is None


def test_methods_of_a_path_are_those_of_all_its_patterns() -> None:
    assert TABLE.methods("/v1/customers/me") == ["GET", "HEAD", "OPTIONS", "PATCH", "PUT"]
    assert TABLE.methods("/v1/customers") == ["GET", "HEAD", "OPTIONS", "POST"]
    assert TABLE.methods("/nowhere") == []


def test_first_of_two_equal_patterns_wins() -> None:
    table = RouteTable([route("/a", service="first"), route("/a", service="second")])
    found = table.find("GET", "/a")
    assert found is not None
    assert found.service == "first"


def test_table_knows_its_services_and_classes() -> None:
    assert TABLE.services == {"shop", "staff", "vip"}
    assert TABLE.limits == {"default"}
