import pytest

from gateway.domain.forwarding import HOP_BY_HOP, Filter, named_by, to_client, to_service, to_websocket

POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


def names(fields: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [name for name, _ in fields if name != POLICY[0]]


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_hop_by_hop_fields_end_here_both_ways(name: bytes) -> None:
    fields = [(name, b"x"), (b"accept", b"*/*")]
    assert names(to_service(fields, keys=True)) == [b"accept"]
    assert names(to_client(fields, base=b"http://shop", bodiless=False)) == [b"accept"]


def test_fields_that_connection_names_end_here_both_ways() -> None:
    fields = [(b"x-hop", b"1"), (b"connection", b"close, X-Hop"), (b"x-kept", b"1")]
    assert names(to_service(fields, keys=True, connection=b"close, X-Hop")) == [b"x-kept"]
    assert names(to_client(fields, base=b"http://shop", bodiless=False)) == [b"x-kept"]


@pytest.mark.parametrize(
    "name",
    [
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-prefix",
        b"forwarded",
        b"x-real-ip",
        b"x-envoy-expected-rq-timeout-ms",
        b"x-internal-user",
        b"x-original-url",
        b"x-http-method-override",
        b"x-api-key",
        b"host",
        b"expect",
    ],
)
def test_what_only_the_gateway_may_say_does_not_come_from_outside(name: bytes) -> None:
    assert to_service([(name, b"x"), (b"x-mine", b"1")], keys=True) == [(b"x-mine", b"1")]


def test_key_is_kept_where_the_route_says_so() -> None:
    fields = [(b"idempotency-key", b"k")]
    assert to_service(fields, keys=True) == fields
    assert to_service(fields, keys=False) == []


def test_cookies_stay_separate_and_in_order() -> None:
    fields = [(b"Set-Cookie", b"a=1"), (b"X", b"1"), (b"set-cookie", b"b=2")]
    kept = to_client(fields, base=b"http://shop", bodiless=False)
    assert kept == [(b"set-cookie", b"a=1"), (b"x", b"1"), (b"set-cookie", b"b=2"), POLICY]


def test_length_goes_only_with_a_body() -> None:
    fields = [(b"content-length", b"5"), (b"etag", b"1")]
    assert names(to_client(fields, base=b"http://shop", bodiless=False)) == [b"content-length", b"etag"]
    assert names(to_client(fields, base=b"http://shop", bodiless=True)) == [b"etag"]


@pytest.mark.parametrize(
    ("location", "public"),
    [
        (b"http://shop/v1/x", b"/v1/x"),
        (b"http://shop", b"/"),
        (b"http://shop?x=1", b"?x=1"),
        (b"http://shop.example/v1/x", b"http://shop.example/v1/x"),
        (b"http://shop:81/v1/x", b"http://shop:81/v1/x"),
        (b"/v1/x", b"/v1/x"),
        (b"https://elsewhere.example/", b"https://elsewhere.example/"),
    ],
)
def test_location_never_names_the_service(location: bytes, public: bytes) -> None:
    fields = to_client([(b"location", location)], base=b"http://shop", bodiless=False)
    assert fields == [(b"location", public), POLICY]


def test_handshake_is_made_anew() -> None:
    fields = [(b"sec-websocket-key", b"x"), (b"upgrade", b"websocket"), (b"authorization", b"Bearer t")]
    assert to_websocket(fields, connection=b"Upgrade") == [(b"authorization", b"Bearer t")]


def test_connection_names_fields_and_not_its_own_options() -> None:
    assert named_by(b"keep-alive, Close , X-A,x-b") == {b"x-a", b"x-b"}


def test_answer_has_a_content_policy_its_own_or_the_one_for_data() -> None:
    assert to_client([], base=b"http://shop", bodiless=False) == [POLICY]
    own = [(b"content-security-policy", b"default-src 'self'")]
    assert to_client(own, base=b"http://shop", bodiless=False) == own


def test_names_that_were_never_seen_do_not_fill_the_memory() -> None:
    passing = Filter(frozenset({b"dropped"}), (b"x-private-",))
    for number in range(5000):
        assert passing([(b"x-%d" % number, b"1")]) == [(b"x-%d" % number, b"1")]
    assert passing([(b"Dropped", b"1"), (b"X-Private-A", b"1"), (b"X-Kept", b"1")]) == [(b"x-kept", b"1")]
    assert len(passing._known) <= 1024
