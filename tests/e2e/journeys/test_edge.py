"""What the gateway does for everybody: limits, browsers, documentation, health."""

import re
from http import HTTPStatus

from httpx2 import Client

from tests.e2e.people import Person


def test_who_asks_too_often_is_told_when_to_come_back(ada: Person) -> None:
    def change_password() -> tuple[int, dict[str, str]]:
        answer = ada.api.put("/v1/accounts/me/password", json={}, headers=ada.authorization)
        return answer.status_code, dict(answer.headers)

    for _ in range(50):
        status, headers = change_password()
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            break
    assert status == HTTPStatus.TOO_MANY_REQUESTS
    assert int(headers["retry-after"]) >= 1
    assert "r=0" in headers["ratelimit"]
    assert "ratelimit-policy" in headers
    # A limit is one account's, and one class of routes': the rest goes on.
    assert ada.send("GET", "/v1/customers/me").status_code == 200


def test_answers_say_how_often_one_may_still_ask(ada: Person) -> None:
    left = [
        int(found[1])
        for _ in range(2)
        if (found := re.search(r"r=(\d+)", ada.send("GET", "/v1/customers/me").headers["ratelimit"]))
    ]
    assert len(left) == 2
    assert left[1] <= left[0]


def test_allowed_origin_may_read_the_answer(api: Client, ada: Person, allowed_origin: str) -> None:
    preflight = api.options(
        "/v1/customers/me",
        headers={
            "origin": allowed_origin,
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "authorization, if-match",
        },
    )
    assert preflight.status_code in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == allowed_origin
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert "if-match" in preflight.headers["access-control-allow-headers"].lower()
    answer = ada.send("GET", "/v1/customers/me", origin=allowed_origin)
    assert answer.headers["access-control-allow-origin"] == allowed_origin
    assert "etag" in answer.headers["access-control-expose-headers"].lower()


def test_other_origin_may_not(api: Client) -> None:
    answer = api.get("/v1/customers/me", headers={"origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_documentation_needs_nothing_from_elsewhere(api: Client) -> None:
    page = api.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    for link in links:
        assert link.startswith("/"), link
        assert api.get(link).status_code == 200, link


def test_document_describes_every_service(api: Client) -> None:
    document = api.get("/openapi.json").json()
    assert {"/v1/accounts", "/v1/oauth/token", "/v1/customers/me"} <= document["paths"].keys()


def test_every_documented_path_is_let_in(api: Client) -> None:
    """None of them answers that there is no such path; most want a token first, and some a thing that there is."""
    for path, item in api.get("/openapi.json").json()["paths"].items():
        for method in item.keys() & {"get", "delete"}:
            concrete = re.sub(r"\{[^}]+\}", "01890a5d-ac96-774b-bcce-b302099a8057", path)
            answer = api.request(method.upper(), concrete)
            assert answer.status_code in (200, 307, 401, 404, 422), (method, path)
            assert answer.status_code != 404 or answer.json()["code"] != "not-found", (method, path)


def test_gateway_says_that_it_lives_and_is_ready(api: Client) -> None:
    assert api.get("/livez").status_code == 200
    assert api.get("/readyz").status_code == 200


def test_answers_forbid_what_browsers_would_allow(api: Client) -> None:
    headers = api.get("/v1/customers/me").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
