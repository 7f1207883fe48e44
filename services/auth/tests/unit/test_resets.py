from datetime import timedelta
from uuid import uuid4

import pytest

from auth.domain.resets import LIFETIME, PasswordReset, ResetTokenError
from chassis.testing import FakeClock


def test_reset_gives_access_to_its_account_once(clock: FakeClock) -> None:
    account_id = uuid4()
    reset = PasswordReset(account_id=account_id, now=clock.now())
    assert reset.use(clock.now()) == account_id
    with pytest.raises(ResetTokenError):
        reset.use(clock.now())


def test_reset_is_good_for_an_hour(clock: FakeClock) -> None:
    reset = PasswordReset(account_id=uuid4(), now=clock.now())
    with pytest.raises(ResetTokenError):
        reset.use(clock.now() + LIFETIME)
    reset.use(clock.now() + LIFETIME - timedelta(seconds=1))


def test_reset_of_nobody_cannot_be_used(clock: FakeClock) -> None:
    with pytest.raises(ResetTokenError):
        PasswordReset(account_id=None, now=clock.now()).use(clock.now())
