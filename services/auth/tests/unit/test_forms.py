import base64

import pytest
from fastapi import Request

from auth.api.forms import Form, client_credentials, read_form
from auth.domain.oauth import InvalidClientError, InvalidRequestError

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"


async def read(body: bytes, content_type: str = FORM) -> Form:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", content_type.encode())]}
    return await read_form(Request(scope, receive))


async def test_form_is_read_whatever_charset_it_names() -> None:
    form = await read(b"grant_type=password&username=ada%40example.com", f"{FORM}; charset=UTF-8")
    assert form.parameters == {"grant_type": "password", "username": "ada@example.com"}


async def test_empty_parameter_is_an_absent_one() -> None:
    assert (await read(b"scope=&grant_type=password")).parameters == {"grant_type": "password"}


async def test_repeated_parameter_is_refused_and_repeated_resource_kept() -> None:
    with pytest.raises(InvalidRequestError):
        await read(b"scope=a&scope=b")
    assert (await read(b"resource=a&resource=b")).resources == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"grant_type": "password"}', "application/json"),
        (b"a=%00", FORM),
        (b"a=%0d%0a", FORM),
        (b"a=\xff", FORM),
        (b"a=%ff", FORM),
        (b"a=" + b"x" * 20_000, FORM),
        (b"&".join(b"a%d=1" % number for number in range(60)), FORM),
    ],
    ids=["json", "nul", "newline", "raw bytes", "encoded bytes", "too long", "too many"],
)
async def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(InvalidRequestError):
        await read(body, content_type)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_client_comes_from_the_header_or_from_the_form() -> None:
    assert client_credentials(Form({}, ()), basic("orders:secret")) == ("orders", "secret")
    assert client_credentials(Form({"client_id": "orders", "client_secret": "secret"}, ()), None) == (
        "orders",
        "secret",
    )
    assert client_credentials(Form({}, ()), None) == (None, None)


def test_header_is_form_encoded_inside() -> None:
    assert client_credentials(Form({}, ()), basic("order+desk:a%3Ab%2F")) == ("order desk", "a:b/")


def test_public_client_may_use_the_header_with_nothing_in_it() -> None:
    assert client_credentials(Form({}, ()), basic("tradewind-cli:")) == ("tradewind-cli", None)


def test_two_ways_at_once_are_refused() -> None:
    with pytest.raises(InvalidRequestError):
        client_credentials(Form({"client_secret": "secret"}, ()), basic("orders:secret"))
    with pytest.raises(InvalidRequestError):
        client_credentials(Form({"client_id": "payments"}, ()), basic("orders:secret"))
    assert client_credentials(Form({"client_id": "orders"}, ()), basic("orders:secret")) == ("orders", "secret")


@pytest.mark.parametrize(
    "header", ["Bearer abc", "Basic", "Basic !!!", basic("no colon"), basic("a:b\x00"), "Basic /w=="]
)
def test_other_headers_are_no_client(header: str) -> None:
    with pytest.raises(InvalidClientError):
        client_credentials(Form({}, ()), header)
