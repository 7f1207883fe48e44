"""Real server processes: how a service starts, merges its metrics, drains, and dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from chassis.children import free_ports

MAIN = """
import asyncio
from chassis.app import Service
from chassis.routing import Router
from chassis.settings import ServiceSettings

class Settings(ServiceSettings):
    pass

router = Router()

@router.get("/v1/slow")
async def slow() -> str:
    await asyncio.sleep(0.5)
    return "done"

opened = []

@router.get("/v1/opened")
async def read_opened() -> list[str]:
    return opened

async def prepare() -> None:
    opened.append("a connection")

async def tick() -> None:
    print('{"tick": "ticking"}', flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print('{"tick": "stopped"}', flush=True)

def build(settings):
    service = Service(settings, name="sample")
    service.run("tick", tick)
    service.prepare("sample", prepare)
    service.include(router)
    return service
"""


class Server:
    """``python -m chassis serve`` of a sample service, on free ports."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port, self.metrics_port = free_ports(2)
        self.environment = {
            **os.environ,
            "SERVICE": "sample",
            "SERVICE_DIR": str(folder),
            "PYTHONPATH": str(folder / "src"),
            "ENVIRONMENT": "development",
            "PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_port),
            **environment,
        }
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str, command: str = "serve") -> None:
        with self.log.open("ab") as log:
            arguments = [sys.executable, "-m", "chassis", command, *words]
            self.process = subprocess.Popen(
                arguments, env=self.environment, stdout=log, stderr=log, cwd=self.log.parent
            )
        self.wait_for(lambda: self.get("/readyz").status_code == 200)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def metrics(self) -> str:
        return httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except (httpx2.TransportError, psutil.Error):
                pass
            time.sleep(0.02)
        pytest.fail(f"not within {seconds} s; the log says:\n{self.log.read_text()}")

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(25)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    folder = tmp_path / "a sample"
    (folder / "src" / "sample").mkdir(parents=True)
    (folder / "service.yaml").write_text("name: sample\nsummary: A sample.\n")
    (folder / "src" / "sample" / "__init__.py").touch()
    (folder / "src" / "sample" / "main.py").write_text(MAIN)
    made: list[Server] = []

    def make(**environment: str) -> Server:
        made.append(Server(folder, **environment))
        return made[-1]

    yield make
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def test_one_process_serves_and_ends_at_sigterm(make_server: Callable[..., Server]) -> None:
    server = make_server()
    server.start()
    assert server.get("/v1/slow").json() == "done"
    assert (
        'http_server_request_duration_seconds_count{method="GET",route="/v1/slow",status="200"} 1.0' in server.metrics()
    )
    assert server.stop() in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_request_under_way_is_finished_at_sigterm(make_server: Callable[..., Server]) -> None:
    server = make_server()
    server.start()
    with httpx2.stream("GET", f"http://127.0.0.1:{server.port}/v1/slow", timeout=5) as answer:
        assert server.process is not None
        server.process.terminate()
        assert answer.read() == b'"done"'
    server.process.wait(5)


def test_draining_serves_on_while_readiness_fails(make_server: Callable[..., Server]) -> None:
    server = make_server(DRAIN_SECONDS="2")
    server.start()
    assert server.process is not None
    server.process.terminate()
    server.wait_for(lambda: server.get("/readyz").status_code == 503, seconds=1.5)
    assert server.get("/livez").status_code == 200
    server.process.wait(10)


def test_many_workers_merge_their_metrics_and_die_with_the_first(make_server: Callable[..., Server]) -> None:
    server = make_server(WEB_CONCURRENCY="2")
    server.start()
    for _ in range(20):
        assert server.get("/v1/slow" if _ == 0 else "/nowhere").status_code in (200, 404)
    assert (
        'http_server_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 19.0'
        in server.metrics()
    )
    workers = server.children()
    assert len(workers) == 2
    assert all(line.startswith("{") for line in server.log.read_text().splitlines()), "gunicorn logs in its own form"
    server.stop(signal.SIGKILL)
    _gone, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive


def test_many_workers_inherit_nothing_that_the_preparations_opened(make_server: Callable[..., Server]) -> None:
    server = make_server(WEB_CONCURRENCY="2")
    server.start("--migrate")
    assert "prepared" in server.log.read_text()
    assert server.get("/v1/opened").json() == []


def test_many_workers_end_at_sigterm_and_leave_nothing_behind(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    server = make_server(WEB_CONCURRENCY="2", TMPDIR=str(shared))
    server.start()
    assert any(shared.iterdir())
    assert server.stop() == 0
    assert not any(shared.iterdir())


def test_worker_works_and_answers_nothing_but_probes(make_server: Callable[..., Server]) -> None:
    server = make_server(BACKGROUND="false")
    server.start(command="work")
    server.wait_for(lambda: "ticking" in server.log.read_text())
    assert server.get("/livez").status_code == 200
    assert {server.get(path).status_code for path in ("/v1/slow", "/openapi.json", "/docs")} == {404}
    assert "process_cpu_seconds_total" in server.metrics()
    assert server.stop() in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert "stopped" in server.log.read_text()


def test_api_leaves_the_work_to_workers_if_told_so(make_server: Callable[..., Server]) -> None:
    server = make_server(BACKGROUND="false")
    server.start()
    server.stop()
    assert "ticking" not in server.log.read_text()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SERVICE": ""}, "Set SERVICE to the package to run"),
        ({"SERVICE": "nothing_like_it"}, "no service package named 'nothing_like_it'"),
        ({"ENVIRONMENT": "mars"}, "setting ENVIRONMENT: Input should be 'development' or 'production'"),
        ({"PORT": "99999"}, "setting PORT:"),
    ],
)
def test_wrong_environment_ends_at_start_with_a_sentence(
    make_server: Callable[..., Server], environment: dict[str, str], sentence: str
) -> None:
    server = make_server(**environment)
    command = [sys.executable, "-m", "chassis", "serve"]
    ended = subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert sentence in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
