"""A service that is killed is missed for a moment, and nothing that was promised is lost."""

import os
import signal

from httpx2 import Client, Response, TransportError

from tests.e2e.people import Person, eventually
from tests.e2e.system import LocalSystem


def kill(system: LocalSystem, part: str) -> int:
    """Kill a service the hard way, and return how often it had been started again before."""
    found = system.parts()[part]
    os.kill(found["pid"], signal.SIGKILL)
    restarts: int = found["restarts"]
    return restarts


def answered(person: Person) -> Response | None:
    answer = person.send("GET", "/v1/customers/me")
    return answer if answer.status_code == 200 else None


def refused(person: Person) -> Response | None:
    """Return the answer of a gateway that finds nobody; one that was on its way at the death has its own code."""
    answer = person.send("GET", "/v1/customers/me")
    return None if answer.status_code == 200 or answer.json()["code"] == "no-answer" else answer


def test_dead_service_is_503_at_once_and_comes_back(system: LocalSystem, ada: Person) -> None:
    restarts = kill(system, "customers")
    away = eventually(lambda: refused(ada))
    assert (away.status_code, away.json()["code"]) == (503, "service-unavailable")
    assert away.elapsed.total_seconds() < 2
    assert int(away.headers["retry-after"]) >= 1

    eventually(lambda: answered(ada))
    assert system.parts()["customers"]["restarts"] == restarts + 1


def test_tokens_are_verified_while_auth_is_away(system: LocalSystem, ada: Person) -> None:
    assert answered(ada)
    kill(system, "auth")
    assert answered(ada)
    eventually(lambda: ada.refresh(ada.tokens["refresh_token"]).status_code == 200)


def test_event_waits_for_a_consumer_that_is_away(system: LocalSystem, api: Client) -> None:
    bob = Person(api)
    kill(system, "customers")
    assert bob.register().status_code == 202
    bob.sign_in()
    eventually(lambda: answered(bob))
    eventually(lambda: bob.me()["email"] == bob.email)


def test_gateway_comes_back_at_its_address(system: LocalSystem, ada: Person) -> None:
    kill(system, "gateway")

    def back() -> bool:
        try:
            return answered(ada) is not None
        except TransportError:
            return False

    eventually(back)
