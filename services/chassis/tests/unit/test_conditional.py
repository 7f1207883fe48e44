"""Conditions on entity tags."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from chassis.conditional import check_match, precondition, unless_known
from chassis.errors import PreconditionFailedError, PreconditionRequiredError


@pytest.mark.parametrize("header", ['"3"', ' "3" ', '"1", "3"', "*"])
def test_edit_of_the_current_version_is_let_through(header: str) -> None:
    check_match(header, 3)


@pytest.mark.parametrize("header", ['"2"', "3", 'W/"3"', '"33"', ""])
def test_edit_of_any_other_version_is_refused(header: str) -> None:
    with pytest.raises(PreconditionFailedError):
        check_match(header, 3)


def test_unconditional_edit_is_refused() -> None:
    with pytest.raises(PreconditionRequiredError):
        check_match(None, 3)


def _reading(if_none_match: str | None) -> Request:
    headers = [] if if_none_match is None else [(b"if-none-match", if_none_match.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), ('"2"', False), ('"3"', True), ('W/"3"', True), ('"1", "3"', True), ("*", True)],
)
def test_version_that_the_client_has_is_not_sent_again(header: str | None, known: bool) -> None:  # noqa: FBT001
    answer = Response()
    instead = unless_known(_reading(header), answer, 3)
    assert (instead is not None and instead.status_code == 304 and instead.headers["etag"] == '"3"') == known
    assert answer.headers["etag"] == '"3"'


@pytest.mark.anyio
async def test_precondition_is_the_check_of_one_request() -> None:
    unchanged = await precondition('"3"')
    unchanged(3)
    with pytest.raises(PreconditionFailedError):
        unchanged(4)
