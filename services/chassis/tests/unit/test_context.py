"""What travels with a piece of work."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")


@given(st.text())
def test_any_header_gives_a_well_formed_context(header: str) -> None:
    work = context.continue_trace(header, request_id=header)
    assert TRACEPARENT.fullmatch(work.traceparent)
    assert re.fullmatch(r"[\x21-\x7e]{1,128}", work.request_id)


def test_known_trace_goes_on_with_a_new_span() -> None:
    work = context.continue_trace("00-" + "ab" * 16 + "-" + "cd" * 8 + "-01", tracestate="vendor=1")
    assert (work.trace_id, work.sampled, work.tracestate) == ("ab" * 16, True, "vendor=1")
    assert work.span_id != "cd" * 8


def test_state_of_an_ill_formed_trace_is_dropped() -> None:
    assert context.continue_trace("00-nonsense", tracestate="vendor=1").tracestate == ""


def test_outgoing_headers_name_the_trace_the_request_and_what_is_left() -> None:
    work = context.continue_trace("00-" + "ab" * 16 + "-" + "cd" * 8 + "-00", request_id="mine")
    with context.working(work), context.deadline_in(1.5):
        headers = context.outgoing_headers()
    assert headers["traceparent"] == work.traceparent
    assert headers["x-request-id"] == "mine"
    assert 1400 <= int(headers["x-request-timeout-ms"]) <= 1500


def test_passed_deadline_goes_out_as_zero() -> None:
    late = context.WorkContext(deadline=time.monotonic() - 1)
    with context.working(late):
        assert context.outgoing_headers()["x-request-timeout-ms"] == "0"


def test_earlier_deadline_stays() -> None:
    with context.deadline_in(1), context.deadline_in(100) as inner:
        assert (inner.remaining_seconds() or 0) <= 1
    with context.deadline_in(100), context.deadline_in(1) as inner:
        assert (inner.remaining_seconds() or 0) <= 1


def test_context_ends_with_its_block() -> None:
    assert context.started() is None
    with pytest.raises(ZeroDivisionError), context.working(context.WorkContext()):
        raise ZeroDivisionError
    assert context.started() is None
