import http.client
import time
from collections.abc import Iterator
from functools import partial

import pytest
from structlog.testing import capture_logs

from .conftest import Client, Shop, StartGateway, eventually

UMLAUT = "ü".encode().decode("latin-1")
"""A letter as HTTP sees it: two bytes of UTF-8, each a character."""


def test_request_reaches_the_service_as_it_was_sent(ask: Client, shop: Shop) -> None:
    headers = {"content-type": "text/plain", "x-mine": UMLAUT}
    assert ask("POST", "/v1/open/a%20b?x=1&y=%2F&y=2", headers, b"hello").status == 200
    seen = shop.seen[0]
    assert (seen["method"], seen["raw_path"], seen["query"]) == ("POST", "/v1/open/a%20b", "x=1&y=%2F&y=2")
    got = dict(seen["headers"])
    assert (got["content-type"], got["content-length"], got["x-mine"]) == ("text/plain", "5", UMLAUT)
    assert seen["body"] == "hello"


def test_nothing_is_added_that_the_client_did_not_say(ask: Client, shop: Shop) -> None:
    ask("POST", "/v1/open/x", {}, b"hello")
    names = {name for name, _ in shop.seen[0]["headers"]}
    assert names == {
        "host",
        "content-length",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "traceparent",
        "x-request-id",
        "x-request-timeout-ms",
    }


def test_repeated_cookies_of_an_answer_stay_separate(ask: Client) -> None:
    assert ask.get("/v1/open/internals").all("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_no_cookie_is_kept_for_the_next_client(ask: Client, shop: Shop) -> None:
    ask.get("/v1/open/internals")
    ask.get("/v1/open/x")
    assert "cookie" not in dict(shop.seen[0]["headers"])


def test_status_without_body_has_none(ask: Client) -> None:
    nothing = ask.get("/v1/open/nothing")
    assert (nothing.status, nothing.body) == (204, b"")
    unchanged = ask.get("/v1/open/unchanged")
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", '"1"')


def test_head_has_the_fields_of_get_and_no_body(ask: Client, shop: Shop) -> None:
    full, head = ask.get("/v1/open/x"), ask("HEAD", "/v1/open/x")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert {name for name, _ in head.fields} == {name for name, _ in full.fields}
    assert shop.seen[1]["method"] == "GET"


def test_connection_is_kept_for_the_next_request(ask: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ask.port, timeout=10)
    connection.connect()
    before = connection.sock
    for path in ("/v1/open/x", "/v1/open/nothing", "/v1/open/unchanged", "/nowhere", "/v1/open/x"):
        connection.request("GET", path)
        connection.getresponse().read()
    assert connection.sock is before
    connection.close()


def test_redirect_is_passed_on_without_the_services_address(ask: Client) -> None:
    reply = ask.get("/v1/open/elsewhere")
    assert (reply.status, reply.headers["location"]) == (303, "/v1/open/there?x=1")


def test_expected_continue_comes_before_the_body(ask: Client, shop: Shop) -> None:
    with ask.connect() as connection:
        connection.sendall(
            b"POST /v1/open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert shop.seen[0]["body"] == "hello"
    assert "expect" not in dict(shop.seen[0]["headers"])


def test_no_continue_for_what_is_refused(ask: Client) -> None:
    head = b"POST /v1/small HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n"
    assert ask.raw(head + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_upload_is_passed_on_while_it_comes(ask: Client, shop: Shop) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"first"
        eventually(lambda: shop.pieces == [b"first"])
        yield b"second"

    reply = ask("POST", "/v1/stream/upload", {}, slowly())
    assert reply.body == b"11"
    assert shop.pieces == [b"first", b"second"]


def test_large_bodies_go_through_both_ways(ask: Client) -> None:
    assert ask("POST", "/v1/stream/upload", {}, b"x" * 3_000_000).body == b"3000000"
    assert len(ask.get("/v1/open/big?100").body) == 10_000_000


def test_service_is_not_read_faster_than_the_client_reads(ask: Client) -> None:
    """200 MB for a client that does not read: if the gateway took it all in, it would be done before the client is."""
    with ask.connect() as connection:
        connection.sendall(b"GET /v1/stream/big?2000 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert ask.get("/v1/open/x").status == 200


def test_first_event_arrives_before_the_last_is_made(ask: Client, shop: Shop) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ask.port, timeout=10)
    connection.request("GET", "/v1/stream/events")
    response = connection.getresponse()
    assert response.headers["content-type"] == "text/event-stream"
    assert response.read1() == b"data: first\n\n"
    shop.go_on.set()
    assert response.read() == b": heartbeat\n\ndata: last\n\n"
    connection.close()


def test_client_that_leaves_ends_the_work_for_it(ask: Client, shop: Shop) -> None:
    for path in (b"/v1/open/hang", b"/v1/stream/events"):
        before = shop.stopped
        with ask.connect() as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.1)
            assert shop.stopped == before
        eventually(partial(_stopped, shop, before + 1))


def _stopped(shop: Shop, times: int) -> bool:
    return shop.stopped == times


def test_client_that_leaves_while_sending_ends_the_work_for_it(ask: Client, shop: Shop) -> None:
    with ask.connect() as connection:
        connection.sendall(b"POST /v1/stream/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
        eventually(lambda: shop.pieces == [b"some"])
    eventually(lambda: shop.stopped == 1)


def test_torn_answer_is_torn_for_the_client_too(ask: Client) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        ask.get("/v1/open/torn")
    assert ask.get("/v1/open/x").status == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_body_is_as_large_as_its_route_allows_and_no_larger(ask: Client, shop: Shop, *, chunked: bool) -> None:
    allowed, larger = b"x" * 1000, b"x" * 1001
    assert ask("POST", "/v1/small", {}, iter([allowed]) if chunked else allowed).status == 200
    refused = ask("POST", "/v1/small", {}, iter([larger]) if chunked else larger)
    assert refused.status == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json["code"] == "content-too-large"
    assert len(shop.seen) == 1


def test_body_that_grows_too_large_on_the_way_is_stopped(ask: Client, shop: Shop) -> None:
    pieces = [b"x" * 400] * 3

    def growing() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            time.sleep(0.05)

    reply = ask("POST", "/v1/small", {}, growing())
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert shop.seen == []


def test_late_answer_is_a_504_within_the_routes_time(ask: Client, shop: Shop) -> None:
    assert ask.get("/v1/hasty").status == 200
    started = time.monotonic()
    reply = ask.get("/v1/hasty?slow")
    assert time.monotonic() - started < 1
    assert (reply.status, reply.json["code"]) == (504, "deadline-exceeded")
    eventually(lambda: shop.stopped == 1)


def test_client_may_be_less_patient_than_the_route(ask: Client, shop: Shop) -> None:
    started = time.monotonic()
    assert ask.get("/v1/open/hang", {"x-request-timeout-ms": "100"}).status == 504
    assert time.monotonic() - started < 1
    ask.get("/v1/open/x", {"x-request-timeout-ms": "2000"})
    assert 1 < int(dict(shop.seen[0]["headers"])["x-request-timeout-ms"]) <= 2000


def test_client_may_not_be_more_patient_than_the_route(ask: Client, shop: Shop) -> None:
    ask.get("/v1/open/x", {"x-request-timeout-ms": "99999999"})
    assert int(dict(shop.seen[0]["headers"])["x-request-timeout-ms"]) <= 5000


def test_streams_have_no_deadline(ask: Client, shop: Shop) -> None:
    ask.get("/v1/stream/x", {"x-request-timeout-ms": "2000"})
    assert "x-request-timeout-ms" not in dict(shop.seen[0]["headers"])


def test_idempotency_key_goes_only_where_the_route_wants_it(ask: Client, shop: Shop) -> None:
    ask("POST", "/v1/open/x", {"idempotency-key": "k"}, b"")
    ask("POST", "/v1/keyless", {"idempotency-key": "k"}, b"")
    assert [dict(seen["headers"]).get("idempotency-key") for seen in shop.seen] == ["k", None]


def test_request_can_be_followed_from_outside_to_the_service(ask: Client, shop: Shop) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = ask.get(
        "/v1/open/x",
        {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "tracestate": "v=1", "x-request-id": "mine-1"},
    )
    assert reply.all("x-request-id") == ["mine-1"]
    headers = dict(shop.seen[0]["headers"])
    assert headers["traceparent"].startswith(f"00-{trace}-")
    assert "b7ad6b7169203331" not in headers["traceparent"]
    assert (headers["tracestate"], headers["x-request-id"]) == ("v=1", "mine-1")


def test_ill_formed_ids_are_replaced(ask: Client, shop: Shop) -> None:
    reply = ask.get("/v1/open/x", {"traceparent": "00-nonsense", "x-request-id": "two words"})
    headers = dict(shop.seen[0]["headers"])
    assert headers["traceparent"].split("-")[1] == headers["x-request-id"] == reply.headers["x-request-id"]


def test_spoofed_addresses_do_not_arrive(ask: Client, shop: Shop) -> None:
    ask.get(
        "/v1/open/x",
        {
            "x-forwarded-for": "6.6.6.6",
            "x-forwarded-proto": "https",
            "x-forwarded-host": "evil.example",
            "x-forwarded-prefix": "/evil",
            "forwarded": "for=6.6.6.6",
            "x-real-ip": "6.6.6.6",
            "x-envoy-expected-rq-timeout-ms": "1000",
            "host": "shop.example",
        },
    )
    headers = dict(shop.seen[0]["headers"])
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "shop.example"
    assert headers["host"].startswith("127.0.0.1:")
    assert not {"forwarded", "x-real-ip", "x-forwarded-prefix", "x-envoy-expected-rq-timeout-ms"} & headers.keys()


def test_trusted_proxy_is_believed_about_its_client(start_gateway: StartGateway, shop: Shop) -> None:
    forwarded = {
        "x-forwarded-for": "6.6.6.6, 203.0.113.9, 127.0.0.2",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.example",
    }
    with start_gateway(trusted_proxies="127.0.0.0/8") as ask:
        reply = ask.get("/v1/open/x", forwarded)
    headers = dict(shop.seen[0]["headers"])
    assert headers["x-forwarded-for"] == "203.0.113.9"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "shop.example"
    assert reply.headers["strict-transport-security"].startswith("max-age=")


def test_hop_by_hop_fields_stay_on_their_hop(ask: Client, shop: Shop) -> None:
    ask.get("/v1/open/x", {"connection": "x-hop, keep-alive", "x-hop": "1", "te": "trailers", "x-kept": "1"})
    sent = dict(shop.seen[0]["headers"])
    assert not {"connection", "x-hop", "te"} & sent.keys()
    assert sent["x-kept"] == "1"
    came = ask.get("/v1/open/internals").headers
    assert not {"connection", "x-hop", "keep-alive"} & came.keys()
    assert came["x-kept"] == "yes"


def test_what_is_internal_does_not_leak(ask: Client) -> None:
    reply = ask.get("/v1/open/internals")
    assert not {"server", "x-powered-by", "x-envoy-upstream-service-time"} & reply.headers.keys()
    assert "access-control-allow-origin" not in reply.headers
    assert len(reply.all("x-request-id")) == 1
    assert len(reply.all("date")) == 1


@pytest.mark.parametrize("path", ["/v1/open/x", "/nowhere", "/v1/orders", "/", "/v1/gone"])
def test_every_answer_has_the_security_fields(ask: Client, path: str) -> None:
    headers = ask.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    assert "server" not in headers


def test_service_may_have_a_content_policy_of_its_own(ask: Client) -> None:
    assert ask.get("/v1/open/html").all("content-security-policy") == ["default-src 'self'"]


def test_repeated_field_that_can_be_said_once_is_refused(ask: Client) -> None:
    once = ask("GET", "/v1/open/x", [("authorization", "Bearer a")])
    twice = ask("GET", "/v1/open/x", [("authorization", "Bearer a"), ("authorization", "Bearer b")])
    assert (once.status, twice.status) == (200, 400)
    assert twice.json["code"] == "malformed-request"
    assert ask("GET", "/v1/open/x", [("accept", "a"), ("accept", "b")]).status == 200


def test_head_that_is_too_large_is_refused(ask: Client) -> None:
    assert ask.get("/v1/open/x", {"x-long": "x" * 30_000}).status == 200
    reply = ask.get("/v1/open/x", {"x-long": "x" * 33_000})
    assert (reply.status, reply.json["code"]) == (431, "headers-too-large")
    assert ask.get("/v1/open/x", [(f"x-{n}", "1") for n in range(90)]).status == 200
    assert ask.get("/v1/open/x", [(f"x-{n}", "1") for n in range(101)]).status == 431


def test_field_that_is_no_text_is_passed_on_as_it_is(ask: Client, shop: Shop) -> None:
    request = b"GET /v1/open/x HTTP/1.1\r\nHost: a\r\nX-A: \xff\xfe\r\nConnection: close\r\n\r\n"
    assert ask.raw(request).startswith(b"HTTP/1.1 200 ")
    assert dict(shop.seen[0]["headers"])["x-a"] == "\xff\xfe"


def test_two_framings_of_one_body_are_refused(ask: Client) -> None:
    request = b"POST /v1/open/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert ask.raw(request + b"GET /v1/mine HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_log_line_names_the_route_and_never_the_query(ask: Client) -> None:
    with capture_logs() as lines:
        ask.get("/v1/open/x?secret=1")
        eventually(lambda: lines)
    (line,) = lines
    assert (line["route"], line["upstream"], line["status"]) == ("/v1/open*", "shop", 200)
    assert "secret" not in repr(line)
