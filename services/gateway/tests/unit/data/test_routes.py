from pathlib import Path

import pytest

from gateway.data import routes
from gateway.settings import STANDARD


def test_declared_rules_reach_the_table(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(
        'scopes: {"a:b": For b.}\n'
        "routes:\n"
        '- {service: shop, paths: [/v1/a, /v1/b], methods: [POST], scopes: ["a:b"], limit: login, timeout_seconds: 3,\n'
        "   max_body_bytes: 7, stream: true, keys: false}\n"
        "- {service: shop, paths: [/v1/c], methods: [GET], auth: none}\n"
    )
    table, scopes = routes.load(path)
    found = table.find("POST", "/v1/b")
    assert found is not None
    assert (found.path, found.service, found.public, found.scopes, found.limit) == (
        "/v1/b",
        "shop",
        False,
        ("a:b",),
        "login",
    )
    assert (found.timeout_seconds, found.max_body_bytes, found.stream, found.keys) == (3, 7, True, False)
    public = table.find("GET", "/v1/c")
    assert public is not None
    assert public.public
    assert scopes == {"a:b": "For b."}


@pytest.mark.parametrize("text", ["", "routes: 1", "routes: [{service: x}]", "routes: [{paths: [/x], methods: [GET]}]"])
def test_file_that_describes_no_routes_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"routes\.yaml"):
        routes.load(path)


def test_generated_file_leaves_the_gateways_own_paths_to_it() -> None:
    table, _ = routes.load()
    for path in ("/", "/docs", "/docs/start.js", "/openapi.json", "/livez", "/readyz"):
        assert table.methods(path) == []


def test_generated_file_names_only_classes_of_limit_that_there_are() -> None:
    table, _ = routes.load()
    assert table.limits <= STANDARD.keys()
