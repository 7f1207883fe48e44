"""Who may ask whom, tried from inside every service: what its ``service.yaml`` says gets through, and nothing else.

Whether an answer is a good one does not matter here: a 401 of the callee's own has got through.
"""

from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from chassis.manifest import Manifest
from tests.e2e.checkout import EVERY_SERVICE, REPOSITORY
from tests.e2e.cluster.access import Cluster
from tests.e2e.cluster.callers import ask_from
from tests.rights import asked
from tradewind.checkout import Checkout

Answer = dict[str, Any]
_PROXYS_OWN = (502, 503, 504)
KEYS = "auth"
"""Whoever is in the namespace may ask auth for its keys."""
UNASKED = "/nobody-asks-for-this"
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")


@cache
def manifests() -> dict[str, Manifest]:
    """Return each service's description, by name."""
    return dict(Checkout(REPOSITORY).manifests)


def reached(answer: Answer) -> bool:
    """The callee itself answered, which says who it is in every answer."""
    return "x-request-id" in answer["headers"]


def forbidden(answer: Answer) -> bool:
    """The callee's proxy refused it."""
    return bool(answer["status"] == 403) and answer["body"] == "RBAC: access denied"


def unreachable(answer: Answer) -> bool:
    """No packet got through, whatever the caller's own proxy says about that."""
    return not reached(answer) and answer["status"] in (None, *_PROXYS_OWN)


def questions(caller: str, callee: str) -> list[dict[str, Any]]:
    """Return one request for each thing that a service may ask another one for."""
    return [
        {"host": callee, "port": 80, "method": method, "path": path.replace("*", "x")}
        for who, method, path in sorted(asked(callee, manifests()))
        if who == caller
    ]


def unasked_methods(caller: str, question: dict[str, Any]) -> list[str]:
    """Return one method that a service may not ask a path with, if there is one."""
    rights = asked(question["host"], manifests())
    mine = {method for who, method, pattern in rights if who == caller and fnmatchcase(question["path"], pattern)}
    return [method for method in METHODS if method not in mine][:1]


def answers(cluster: Cluster, caller: str, asked: list[dict[str, Any]]) -> dict[str, Answer]:
    """Send requests from a service's own pod, and return each one's answer by what was asked."""
    if not asked:
        return {}
    [pod, *_] = cluster.ready_pods(caller)
    said = ask_from(cluster, pod.metadata.name, asked, "at-once")
    return {f"{each['method']} {each['host']} {each['path']}": answer for each, answer in zip(asked, said, strict=True)}


@pytest.mark.parametrize("caller", EVERY_SERVICE)
def test_service_reaches_what_it_asks(cluster: Cluster, caller: str) -> None:
    mine = [each for callee in EVERY_SERVICE if callee != caller for each in questions(caller, callee)]
    missed = {ask: answer for ask, answer in answers(cluster, caller, mine).items() if not reached(answer)}
    assert missed == {}


def strangers(caller: str) -> list[str]:
    """Return the services that one does not ask for anything."""
    return [each for each in EVERY_SERVICE if each not in (caller, KEYS) and not questions(caller, each)]


LONERS = [each for each in EVERY_SERVICE if strangers(each)]


@pytest.fixture(scope="module")
def said_by_strangers(cluster: Cluster) -> dict[str, dict[str, Answer]]:
    """What each service hears from those that it does not ask. All ask at once: silence takes seconds to be noticed."""

    def ask(caller: str) -> dict[str, Answer]:
        asked = [{"host": each, "port": 80, "method": "GET", "path": "/openapi.json"} for each in strangers(caller)]
        return answers(cluster, caller, asked)

    with ThreadPoolExecutor(len(LONERS)) as pool:
        return dict(zip(LONERS, pool.map(ask, LONERS), strict=True))


@pytest.mark.parametrize("caller", LONERS)
def test_service_reaches_nobody_else(said_by_strangers: dict[str, dict[str, Answer]], caller: str) -> None:
    got_through = {ask: answer for ask, answer in said_by_strangers[caller].items() if not unreachable(answer)}
    assert got_through == {}


@pytest.mark.parametrize("caller", EVERY_SERVICE)
def test_service_gets_nothing_else_of_whom_it_asks(istio: Cluster, caller: str) -> None:
    """A path that nobody asks for, and what it may ask for with another method."""
    asked = []
    for callee in EVERY_SERVICE:
        mine = questions(caller, callee) if callee != caller else []
        asked += [{**each, "path": UNASKED} for each in mine[:1]]
        asked += [{**each, "method": method} for each in mine for method in unasked_methods(caller, each)]
    allowed = {ask: answer for ask, answer in answers(istio, caller, asked).items() if not forbidden(answer)}
    assert allowed == {}
