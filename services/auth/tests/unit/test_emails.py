import pytest

from auth.domain.emails import LONGEST, EmailInvalidError, checked, normalise


def test_capitals_and_outer_blanks_make_no_difference() -> None:
    assert normalise("  Ada@Example.COM ") == normalise("ada@example.com")


def test_both_spellings_of_a_letter_are_one_address() -> None:
    assert normalise("jose\u0301@example.com") == normalise("jos\u00e9@example.com")


@pytest.mark.parametrize(
    "wrong", ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c", "a" * LONGEST + "@b.c"]
)
def test_what_has_not_the_shape_is_refused(wrong: str) -> None:
    with pytest.raises(EmailInvalidError):
        checked(wrong)
    assert checked("Ada@example.com") == "ada@example.com"
