from gateway.domain.origins import Origins

SHOP = b"https://shop.example"


def test_allowed_origin_is_named_in_the_answer() -> None:
    fields = dict(Origins(["https://shop.example"]).fields(SHOP))
    assert fields[b"access-control-allow-origin"] == SHOP
    assert fields[b"vary"] == b"Origin"
    assert b"access-control-allow-credentials" not in fields


def test_other_origin_is_not_named_and_caches_are_told() -> None:
    assert Origins(["https://shop.example"]).fields(b"https://evil.example") == [(b"vary", b"Origin")]
    assert Origins(["https://shop.example"]).fields(None) == [(b"vary", b"Origin")]


def test_without_origins_nothing_is_said() -> None:
    assert Origins().fields(SHOP) == []
    assert Origins().preflight(SHOP, ["GET"]) == []


def test_preflight_lists_methods_for_the_allowed_origin_only() -> None:
    origins = Origins(["https://shop.example"])
    assert (b"access-control-allow-methods", b"GET, POST") in origins.preflight(SHOP, ["GET", "POST"])
    assert origins.preflight(b"null", ["GET", "POST"]) == []
    assert origins.preflight(None, ["GET", "POST"]) == []
