"""JSON merge patch on values."""

from customers.domain.profiles import Preferences, Profile, merged


def test_absent_members_stay() -> None:
    assert merged(Profile(name="Ada", locale="en-GB"), {"locale": "fr"}) == Profile(name="Ada", locale="fr")


def test_null_goes_back_to_where_it_began() -> None:
    assert merged(Profile(name="Ada", phone="+4420"), {"phone": None}) == Profile(name="Ada")
    assert merged(Preferences(marketing=True), {"marketing": None}) == Preferences(marketing=False)


def test_empty_patch_changes_nothing() -> None:
    assert merged(Profile(name="Ada"), {}) == Profile(name="Ada")
