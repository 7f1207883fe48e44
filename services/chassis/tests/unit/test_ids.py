"""Identifiers."""

from chassis.ids import uuid7


def test_ids_are_version_7_of_the_rfcs_variant_and_sort_by_time() -> None:
    ids = [uuid7() for _ in range(200)]
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {"specified in RFC 4122"}
    assert len(set(ids)) == 200
    milliseconds = [each.int >> 80 for each in ids]
    assert milliseconds == sorted(milliseconds)
