from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.paths import AmbiguousPathError, normal_form


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", "/"),
        (b"/v1/customers/me", "/v1/customers/me"),
        (b"/.well-known/jwks.json", "/.well-known/jwks.json"),
        (b"/v1//customers", "/v1/customers"),
        (b"//v1/customers", "/v1/customers"),
        (b"/v1/./customers", "/v1/customers"),
        (b"/v1/x/../customers", "/v1/customers"),
        (b"/v1/customers/", "/v1/customers/"),
        (b"/v1/customers/.", "/v1/customers/"),
        (b"/v1/customers/x/..", "/v1/customers/"),
        (b"/v1/%63ustomers", "/v1/customers"),
        (b"/v1%2Fcustomers", "/v1/customers"),
        (b"/v1%2fcustomers%2F%2Fme", "/v1/customers/me"),
        (b"/v1/x/..%2Fcustomers", "/v1/customers"),
        (b"/v1/%252Fcustomers", "/v1/%252Fcustomers"),
        (b"/v1/caf%c3%a9", "/v1/caf%C3%A9"),
        (b"/v1/a%20b", "/v1/a%20b"),
        (b"/v1/what%3F%23", "/v1/what%3F%23"),
        (b"/v1/a+b;c=d,e@f:g!$&'()*", "/v1/a+b;c=d,e@f:g!$&'()*"),
        (b'/v1/"quoted"', "/v1/%22quoted%22"),
        (b"/..a/.b./c..", "/..a/.b./c.."),
        (b"/...", "/..."),
    ],
)
def test_a_path_has_one_spelling(raw: bytes, expected: str) -> None:
    assert normal_form(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"/v1/%2e%2e/admin",
        b"/v1/%2E./admin",
        b"/v1/.%2e/admin",
        b"/v1/%2e/admin",
        b"/v1/x%2F%2e%2e%2Fadmin",
        b"/v1\\admin",
        b"/v1/%5Cadmin",
        b"/v1/..%5c..%5cadmin",
        b"/v1/x%00.json",
        b"/v1/x%0d%0aHost:evil",
        b"/v1/%7f",
        b"/v1/%zz",
        b"/v1/%",
        b"/v1/%4",
        b"/v1/%c0%af",
        b"/v1/%ff",
        b"/..",
        b"/../etc",
        b"/v1/../../etc",
        b"v1/customers",
        b"",
        b"*",
    ],
)
def test_a_path_that_can_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(AmbiguousPathError):
        normal_form(raw)


_SEGMENTS = st.sampled_from(
    ["v1", "a", ".", "..", "", "%2F", "%2f", "%2e", "%61", "%25", "%252e", "é", "b c", "x;y", "%5C"]
)


@given(st.lists(_SEGMENTS, max_size=8))
def test_the_normal_form_is_final(segments: list[str]) -> None:
    """What the gateway matched is what a service reads, however often either of them looks."""
    try:
        path = normal_form("/".join(["", *segments]).encode())
    except AmbiguousPathError:
        return
    assert normal_form(path.encode()) == path
    assert path.startswith("/")
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
    decoded = unquote_to_bytes(path).decode()
    assert decoded.count("/") == path.count("/")
    assert not {".", ".."} & set(decoded.split("/"))
