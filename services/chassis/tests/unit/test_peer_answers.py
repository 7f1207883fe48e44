from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import structlog

from chassis.errors import InternalError
from chassis.peer_answers import is_in_progress, problem_of, retry_after_seconds, unexpected


def problem(status: int, body: str, media_type: str = "application/problem+json") -> httpx.Response:
    request = httpx.Request("POST", "http://auth/v1/things?secret=yes")
    return httpx.Response(status, content=body, headers={"content-type": media_type}, request=request)


def test_problem_is_read_with_its_extensions() -> None:
    found = problem_of(problem(409, '{"code": "conflict", "detail": "No.", "order_id": "7"}'))
    assert found is not None
    assert (found.code, found.title, found.detail) == ("conflict", "", "No.")
    assert found.model_extra == {"order_id": "7"}


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ('{"code": "conflict"}', "application/json"),
        ("{", "application/problem+json"),
        ("[]", "application/problem+json"),
        ('{"code": 7}', "application/problem+json"),
        ('{"code": "conflict"}', ""),
    ],
)
def test_anything_else_is_no_problem(body: str, media_type: str) -> None:
    assert problem_of(problem(409, body, media_type)) is None


def test_media_type_may_have_parameters() -> None:
    assert problem_of(problem(409, "{}", "application/problem+json; charset=utf-8")) is not None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("17", 17), ("", None), ("soon", None), ("-1", None), ("1.5", None), ("²", None)],
)
def test_retry_after_is_whole_seconds(value: str, seconds: float | None) -> None:
    response = httpx.Response(503, headers=[(b"retry-after", value.encode())])
    assert retry_after_seconds(response) == seconds


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after_seconds(httpx.Response(503, headers={"retry-after": at}))
    assert seconds is not None
    assert 50 < seconds <= 60


def test_date_that_has_passed_means_now() -> None:
    at = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert retry_after_seconds(httpx.Response(503, headers={"retry-after": at})) == 0


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(409, "idempotency-in-progress", True), (409, "conflict", False), (503, "idempotency-in-progress", False)],
)
def test_only_a_409_with_its_code_is_in_progress(status: int, code: str, expected: bool) -> None:  # noqa: FBT001
    assert is_in_progress(problem(status, f'{{"code": "{code}"}}')) is expected


def test_unexpected_answer_is_logged_for_us_and_tells_the_caller_nothing() -> None:
    with structlog.testing.capture_logs() as lines:
        error = unexpected(problem(418, '{"code": "teapot", "detail": "Ada is a teapot."}'))

    assert isinstance(error, InternalError)
    assert str(error) == "Something went wrong."
    (line,) = lines
    assert line["method"] == "POST"
    assert line["url"] == "http://auth/v1/things"
    assert line["status"] == 418
    assert line["code"] == "teapot"
    assert "Ada" not in str(line)
