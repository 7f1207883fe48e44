import pytest

from auth.crypto.sealing import Sealer, UnsealError

OLD, NEW = bytes(32), bytes(range(32))


def test_sealed_secret_opens_and_shows_nothing() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"a private key", purpose="signing key")
    assert sealer.open(sealed, purpose="signing key") == b"a private key"
    assert b"private" not in sealed
    assert sealed != sealer.seal(b"a private key", purpose="signing key")


def test_secret_of_one_purpose_is_none_of_another() -> None:
    sealer = Sealer([OLD])
    with pytest.raises(UnsealError):
        sealer.open(sealer.seal(b"a private key", purpose="signing key"), purpose="something else")


@pytest.mark.parametrize("at", [4, 20, -1])
def test_changed_secret_does_not_open(at: int) -> None:
    sealer = Sealer([OLD])
    sealed = bytearray(sealer.seal(b"a private key", purpose="signing key"))
    sealed[at] ^= 1
    with pytest.raises(UnsealError):
        sealer.open(bytes(sealed), purpose="signing key")


def test_encryption_key_is_replaced_without_losing_what_it_sealed() -> None:
    sealed = Sealer([OLD]).seal(b"a private key", purpose="signing key")
    both = Sealer([NEW, OLD])
    assert both.open(sealed, purpose="signing key") == b"a private key"
    with pytest.raises(UnsealError):
        Sealer([NEW]).open(sealed, purpose="signing key")
    assert Sealer([NEW]).open(both.seal(b"the next", purpose="signing key"), purpose="signing key") == b"the next"
