"""What the mesh tries again: only what may be repeated, or cannot have been executed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.checkout import REPOSITORY
from tests.e2e.cluster.access import SERVICES, Cluster, poll
from tests.e2e.cluster.callers import Callers

CHART = Path(__file__).parent / "flaky"
RESETS = {"x-resets": "1"}
KEY = {"idempotency-key": "once"}


class Flaky:
    """The service that breaks connections, asked by a caller that it admits."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def send(self, method: str, headers: dict[str, str]) -> tuple[int, dict[str, int]]:
        """Send one request; return the status, and how often it was tried and how many effects it had."""
        request = uuid4().hex
        host = {"host": "flaky", "port": 80}
        answer, counts = self._callers.ask_all(
            "gateway",
            [
                {**host, "method": method, "path": "/v1/things", "headers": {"x-request": request, **headers}},
                {**host, "method": "GET", "path": f"/counts/{request}"},
            ],
        )
        assert counts["status"] == 200, counts
        return answer["status"], json.loads(counts["body"])


@pytest.fixture(scope="module")
def flaky(istio: Cluster, callers: Callers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flaky]:
    chart = tmp_path_factory.mktemp("flaky") / "flaky"
    shutil.copytree(CHART, chart)
    shutil.copytree(REPOSITORY / "charts" / "common", chart / "charts" / "common")
    repository, tag = istio.image("gateway").rsplit(":", 1)
    image = ("--set-string", f"image.repository={repository},image.tag={tag}")
    place = ("flaky", "--namespace", SERVICES)
    try:
        istio.helm("upgrade", "--install", *place, str(chart), *image, "--wait", "--timeout", "2m")
        service = Flaky(callers)
        # The callers' proxies learn of it a moment later than Helm.
        question: dict[str, Any] = {"host": "flaky", "port": 80, "method": "GET", "path": "/counts/none"}
        poll(lambda: callers.ask("gateway", **question)["status"] == 200, seconds=60, what="flaky answers")
        yield service
    finally:
        istio.helm("uninstall", *place, "--ignore-not-found", "--wait")
        shutil.rmtree(chart.parent)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_request_that_nothing_happens_to_is_tried_once(flaky: Flaky, method: str) -> None:
    assert flaky.send(method, {"x-resets": "0"}) == (200, {"tries": 1, "effects": 1})


def test_first_failure_of_a_read_is_not_seen(flaky: Flaky) -> None:
    status, counts = flaky.send("GET", RESETS)
    assert (status, counts["tries"]) == (200, 2)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_change_that_reached_the_callee_is_tried_once(flaky: Flaky, method: str) -> None:
    assert flaky.send(method, RESETS) == (503, {"tries": 1, "effects": 1})


def test_post_with_a_key_is_tried_again_and_has_one_effect(flaky: Flaky) -> None:
    assert flaky.send("POST", {**RESETS, **KEY}) == (200, {"tries": 2, "effects": 1})


def test_retries_end(flaky: Flaky) -> None:
    status, counts = flaky.send("GET", {"x-resets": "100"})
    assert (status, counts["tries"]) == (503, 3)
