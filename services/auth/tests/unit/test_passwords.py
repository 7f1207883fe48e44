import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.domain.passwords import LONGEST, SHORTEST, WeakPasswordError, acceptable, comparable, normalise

EMAIL = "ada.lovelace@example.com"


def test_twelve_characters_are_enough() -> None:
    assert acceptable("abcdefghijkl", email=EMAIL) == "abcdefghijkl"
    with pytest.raises(WeakPasswordError):
        acceptable("abcdefghijk", email=EMAIL)


def test_long_passwords_have_a_bound() -> None:
    assert len(acceptable("abcd" * (LONGEST // 4), email=EMAIL)) == LONGEST
    with pytest.raises(WeakPasswordError):
        acceptable("abcd" * (LONGEST // 4) + "e", email=EMAIL)


def test_bound_counts_what_normalisation_makes_of_it() -> None:
    one_character_that_becomes_eighteen = "\ufdfa"
    with pytest.raises(WeakPasswordError):
        acceptable(one_character_that_becomes_eighteen * 8 + "abcd", email=EMAIL)


@pytest.mark.parametrize("password", [EMAIL, EMAIL.upper(), "ada.lovelace", "Ada.Lovelace"])
def test_email_is_no_password(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        acceptable(password, email=EMAIL)
    acceptable(password, email="somebody.else@example.org")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "abababababab", "PasswordPassword", "123456789012"])
def test_what_everybody_would_try_is_no_password(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        acceptable(password, email=EMAIL)


def test_control_characters_are_refused() -> None:
    with pytest.raises(WeakPasswordError):
        acceptable("correct\x00horse battery", email=EMAIL)


def test_spaces_and_every_script_are_welcome() -> None:
    assert acceptable("лошадь 正しい馬 battery", email=EMAIL)


def test_both_spellings_of_a_letter_are_the_same_password() -> None:
    assert acceptable("Cafe\u0301 Zu\u0308rich 12", email=EMAIL) == acceptable("Caf\u00e9 Z\u00fcrich 12", email=EMAIL)


def test_no_stored_password_is_longer_than_the_bound() -> None:
    assert comparable("x" * LONGEST) == "x" * LONGEST
    assert comparable("x" * (LONGEST + 1)) is None


@given(st.text(max_size=200))
def test_accepted_password_compares_with_itself(password: str) -> None:
    try:
        stored = acceptable(password, email=EMAIL)
    except WeakPasswordError:
        return
    assert SHORTEST <= len(stored) <= LONGEST
    assert comparable(password) == stored == normalise(stored)
