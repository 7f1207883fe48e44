from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auth.domain.derived_tokens import DerivedTokens, TokenName

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
TOKENS = DerivedTokens([KEY], purpose="refresh token", prefix="twr_")
NAME = TokenName(UUID(int=7), 3)

names = st.builds(TokenName, st.uuids(), st.integers(0, 2**32 - 1))


@given(names)
def test_token_says_what_it_stands_for(name: TokenName) -> None:
    assert TOKENS.read(TOKENS.make(name)) == name


def test_same_name_gives_the_same_token_every_time() -> None:
    assert TOKENS.make(NAME) == DerivedTokens([KEY], purpose="refresh token", prefix="twr_").make(NAME)


@example(TokenName(UUID("7909bbcd-fee2-479a-f4b7-88e2385fec44"), 0), 22, "/")
@given(names, st.integers(0, 200), st.characters(codec="ascii"))
def test_changed_token_is_not_ours(name: TokenName, at: int, letter: str) -> None:
    token = TOKENS.make(name)
    at %= len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        assert TOKENS.read(changed) is None


@given(st.text(max_size=120))
def test_anything_else_is_not_ours(text: str) -> None:
    assert TOKENS.read(text) is None
    assert TOKENS.read(f"twr_{text}") is None


def test_token_of_another_purpose_or_key_is_not_ours() -> None:
    assert DerivedTokens([KEY], purpose="password reset", prefix="twr_").read(TOKENS.make(NAME)) is None
    assert DerivedTokens([OTHER], purpose="refresh token", prefix="twr_").read(TOKENS.make(NAME)) is None


def test_previous_key_still_reads_and_no_longer_makes() -> None:
    both = DerivedTokens([OTHER, KEY], purpose="refresh token", prefix="twr_")
    assert both.read(TOKENS.make(NAME)) == NAME
    assert both.make(NAME) != TOKENS.make(NAME)


@pytest.mark.parametrize("token", ["", "twr_", "twr_AAAA", "twr_" + "A" * 70 + "é"])
def test_short_and_foreign_texts_are_refused_without_an_error(token: str) -> None:
    assert TOKENS.read(token) is None
