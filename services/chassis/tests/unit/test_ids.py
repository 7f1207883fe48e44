"""Identifiers."""

import time

import pytest

from chassis.ids import uuid7


def test_ids_are_version_7_of_the_rfcs_variant_and_sort_by_time() -> None:
    ids = [uuid7() for _ in range(200)]
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {"specified in RFC 4122"}
    assert len(set(ids)) == 200
    assert ids == sorted(ids), "also within one millisecond"


def test_id_says_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= uuid7().int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_ids_go_on_growing_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert uuid7() > first
