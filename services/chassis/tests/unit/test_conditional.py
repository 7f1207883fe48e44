"""Conditions on entity tags."""

import pytest
from starlette.requests import Request

from chassis.conditional import check_match, etag, not_modified
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
    answer = not_modified(_reading(header), etag(3))
    assert (answer is not None and answer.status_code == 304 and answer.headers["etag"] == '"3"') == known
