"""``tradewind up`` as processes: it starts, restarts and stops what it should, and never leaves anything behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import yaml

from chassis.children import free_ports
from tradewind import shutdown, up
from tradewind.processes import ProcessId
from tradewind.runs import Network, PartRecord, Run
from tradewind.shutdown import down
from tradewind.state import State
from tradewind.testing import RunningSystem, eventually, is_alive

FAKES = Path(__file__).parent / "fakes"


def make_checkout(folder: Path, *services: str) -> Path:
    """Make a checkout of fake services; each owns a database and a stream, unless it is the gateway."""
    for name in services:
        owns = {} if name == "gateway" else {"database": True, "stream": True}
        path = folder / "services" / name / "service.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump({"name": name, "summary": "A fake.", "owns": owns}))
    return folder


def command(checkout: Path) -> list[str]:
    return [sys.executable, str(FAKES / "fake_tradewind.py"), str(checkout)]


def running_system(checkout: Path, *words: str, wait: bool = True) -> RunningSystem:
    return RunningSystem(*words, tradewind=command(checkout), environment={"PYTHONPATH": str(FAKES)}, wait=wait)


def tradewind(checkout: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [*command(checkout), *words], env={**os.environ, **more}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def port() -> int:
    [port] = free_ports(1)
    return port


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("a checkout"), "auth", "books", "gateway")


@pytest.fixture(scope="module")
def system(checkout: Path, port: int) -> Iterator[RunningSystem]:
    with running_system(checkout, "--port", str(port)) as running:
        yield running


def environment_of(system: RunningSystem, service: str) -> dict[str, str]:
    with urllib.request.urlopen(system.parts()[service]["address"], timeout=5) as answer:
        environment: dict[str, str] = json.load(answer)["environment"]
    return environment


def test_status_tells_every_part(system: RunningSystem, checkout: Path, port: int) -> None:
    said = tradewind(checkout, "status", "--json")
    parts = {part["name"]: part for part in json.loads(said.stdout)}
    assert said.returncode == 0
    assert list(parts) == ["postgres", "nats", "auth", "books", "gateway", "runner"]
    for part in parts.values():
        assert part["state"] == "ready"
        assert part["restarts"] == 0
        assert is_alive(part["pid"])
        assert part["memory_bytes"] > 1_000_000
    assert parts["gateway"]["address"] == system.address == f"http://127.0.0.1:{port}"
    assert parts["books"]["metrics"].endswith("/metrics")


def test_state_is_closed_to_others(system: RunningSystem, checkout: Path) -> None:
    assert system.state == checkout / ".tradewind"
    assert system.state.stat().st_mode & 0o777 == 0o700
    for name in ("secrets.json", "run.json", "nats/nats.conf", "nats/users.conf", "postgres/password"):
        assert (system.state / name).stat().st_mode & 0o777 == 0o600, name


def test_service_gets_its_own_addresses_and_passwords(system: RunningSystem) -> None:
    books, auth, gateway = (environment_of(system, name) for name in ("books", "auth", "gateway"))
    assert books["SERVICE"] == "books"
    assert books["DATABASE__URL"].startswith("postgresql+asyncpg://books:")
    assert books["TOKENS__ISSUER"] == system.address
    assert books["TOKENS__JWKS_URL"] == f"{system.parts()['auth']['address']}/.well-known/jwks.json"
    assert auth["CLIENTS__BOOKS"] == books["CLIENT__SECRET"] != gateway["CLIENT__SECRET"]
    assert {name for name in gateway if name.startswith("PEERS__")} == {"PEERS__AUTH", "PEERS__BOOKS"}
    assert not any(name.startswith(("DATABASE__", "BROKER__", "CLIENTS__", "KEYS__")) for name in gateway)
    assert "KEYS__ENCRYPTION_KEY" in auth


def test_service_reaches_its_own_database_only(system: RunningSystem) -> None:
    url = environment_of(system, "books")["DATABASE__URL"].replace("+asyncpg", "")

    async def user_of(dsn: str) -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval("SELECT current_user")
        finally:
            await connection.close()

    assert asyncio.run(user_of(url)) == "books"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(user_of(url.removesuffix("/books") + "/auth"))


def test_second_up_is_one_sentence(system: RunningSystem, checkout: Path) -> None:
    second = tradewind(checkout, "up", "--port", "0")
    assert second.returncode == 1
    assert second.stderr.startswith(f"Tradewind is running already (process {system.process.pid}, {system.address}); ")
    assert second.stderr.count("\n") == 1


def test_taken_port_is_one_sentence(system: RunningSystem, port: int, tmp_path: Path) -> None:
    refused = tradewind(make_checkout(tmp_path, "gateway"), "up", "--port", str(port))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port {port} is taken by another program: choose another with --port")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [("TRADEWIND_NATS_SERVER", "nats-server is missing: "), ("TRADEWIND_POSTGRES_BIN", "PostgreSQL is missing: ")],
)
def test_missing_binary_is_one_sentence(setting: str, sentence: str, tmp_path: Path) -> None:
    refused = tradewind(make_checkout(tmp_path, "gateway"), "up", "--port", "0", **{setting: "/nowhere"})
    assert refused.returncode == 1
    assert refused.stderr.startswith(sentence)
    assert "Traceback" not in refused.stderr


def test_unknown_service_is_one_sentence(tmp_path: Path) -> None:
    refused = tradewind(make_checkout(tmp_path, "gateway", "books"), "up", "--only", "boks")
    assert (refused.returncode, refused.stderr) == (1, "There is no service 'boks'; there are books, gateway.\n")


def test_folder_without_services_is_one_sentence(tmp_path: Path) -> None:
    refused = tradewind(tmp_path, "up")
    assert refused.returncode == 1
    assert refused.stderr.endswith("has no services/*/service.yaml: run from a checkout of Tradewind.\n")


def test_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = tradewind(make_checkout(tmp_path, "books"), "up", "--state-dir", str(tmp_path / "file" / "state"))
    assert refused.returncode == 1
    assert (
        refused.stderr == f"{tmp_path}/file/state cannot be used: Not a directory; choose another with --state-dir.\n"
    )


def test_reset_is_refused_while_it_runs(system: RunningSystem, checkout: Path) -> None:
    assert tradewind(checkout, "reset", "--yes").returncode == 1
    assert (system.state / "secrets.json").exists()


def test_logs_of_a_part_are_shown_legibly(system: RunningSystem, checkout: Path) -> None:
    shown = tradewind(checkout, "logs", "books", "-n", "1000").stdout
    assert "info    books       serving  words=" in shown
    assert "auth " not in shown
    assert "Server is ready" in tradewind(checkout, "logs", "nats").stdout


def test_psql_is_the_service(system: RunningSystem, checkout: Path) -> None:
    said = tradewind(checkout, "psql", "books", "-Atc", "SELECT current_user || '@' || current_database()")
    assert said.stdout == "books@books\n"
    refused = tradewind(checkout, "psql", "gateway")
    assert refused.stderr == "No service 'gateway' owns a database; these do: auth, books.\n"


@pytest.mark.parametrize("part", ["books", "postgres", "nats"])
def test_dead_part_is_started_again_at_the_same_address_and_shown(system: RunningSystem, part: str) -> None:
    before = system.parts()[part]
    pid = system.pid(part)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: system.parts()[part]["restarts"] == before["restarts"] + 1)
    assert eventually(lambda: system.parts()[part]["state"] == "ready")
    assert system.parts()[part]["address"] == before["address"]
    assert system.pid(part) != pid
    assert f"{part:<12} was killed (SIGKILL): " in system.said()
    assert "starting it again in 0.5 s" in system.said()


def test_interrupt_stops_everything_within_five_seconds(tmp_path: Path) -> None:
    with running_system(make_checkout(tmp_path / "a checkout", "books", "stubborn")) as running:
        pids = running.pids()
        assert len(pids) >= 4
        started = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(10) == 0
        assert time.monotonic() - started < 5
        assert not any(is_alive(pid) for pid in pids)
        assert not (running.state / "run.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_killed_runner_leaves_no_process_and_the_next_up_works(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "books", "stubborn", "gateway")
    with running_system(checkout) as running:
        pids = running.pids()
        assert len(pids) >= 5
        running.process.kill()
        running.process.wait()
        assert eventually(lambda: not any(is_alive(pid) for pid in pids))
    with running_system(checkout) as again:
        assert {part["state"] for part in again.parts().values()} == {"ready"}


def test_down_and_reset_leave_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "books")
    with running_system(checkout) as running:
        pids = running.pids()
        assert tradewind(checkout, "down").stdout.startswith("Everything has stopped after ")
        assert running.process.wait(1) == 0
        assert not any(is_alive(pid) for pid in pids)
    assert tradewind(checkout, "down").stdout == f"Nothing is running in {running.state}.\n"
    assert tradewind(checkout, "reset", "--yes").returncode == 0
    assert not running.state.exists()


@pytest.fixture
def other() -> Iterator[int]:
    """Run a process that has nothing to do with us."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process.pid
    process.kill()
    process.wait()


def killed_run(state: State, part: ProcessId) -> None:
    """Write down what a runner that was killed leaves, with one part."""
    record = PartRecord("books", "ready", "http://127.0.0.1:1", None, 0, part)
    state.save_run(Run(ProcessId(part.pid, 0), Network("http://127.0.0.1:2", 3, 4, {}), [record]))


def test_stranger_that_has_the_pid_of_a_part_is_left_alone(tmp_path: Path, other: int) -> None:
    killed_run(state := State(tmp_path), ProcessId(other, ProcessId.me().started - 1))
    assert down(state).startswith("Nothing is running in ")
    assert is_alive(other)


def test_closed_output_ends_nothing(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "books")
    up_command = [*command(checkout), "up", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(FAKES)}
    with subprocess.Popen(up_command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Parts" not in process.stdout.readline():
            pass
        process.stdout.close()
        run = State(checkout / ".tradewind").living_run()
        assert run is not None
        process.send_signal(signal.SIGHUP)
        assert process.wait(10) == 0
        assert run.leftovers() == []


def test_part_that_outlived_its_runner_is_ended_by_down(
    tmp_path: Path, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "_PARTS_SECONDS", 0.1)
    part = ProcessId.of(other)
    assert part is not None
    killed_run(state := State(tmp_path), part)
    assert down(state).startswith("Everything has stopped after ")
    assert eventually(lambda: not is_alive(other))


def test_part_that_outlived_its_runner_is_ended_by_the_next_up(
    tmp_path: Path, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "_LEFTOVER_SECONDS", 0.1)
    part = ProcessId.of(other)
    assert part is not None
    killed_run(state := State(tmp_path), part)
    up.take_over(state)
    assert not is_alive(other)
    assert state.run() is None


def test_service_that_cannot_start_is_shown_with_its_reason_while_the_others_run(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "auth", "books", "broken")
    with running_system(checkout, "--only", "books, broken", wait=False) as running:
        assert eventually(lambda: "starting it again in 1 s" in running.said() and "✓ books" in running.said())
        assert "broken       ended (status 2): cannot serve: the flag file is missing; " in running.said()
        said = tradewind(checkout, "status", "--json")
        states = {part["name"]: part["state"] for part in json.loads(said.stdout)}
        assert said.returncode == 1
        assert states["books"] == "ready"
        assert states["broken"] != "ready"
        assert "auth" not in states


def test_ephemeral_system_leaves_no_file_and_one_that_was_killed_is_swept_up_by_the_next(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "books")
    with running_system(checkout, "--ephemeral") as killed:
        assert killed.state.stat().st_mode & 0o777 == 0o700
        killed.process.kill()
        killed.process.wait()
    assert killed.state.exists()
    with running_system(checkout, "--ephemeral") as running:
        # Another system that starts now may be the one that removes it.
        assert eventually(lambda: not killed.state.exists())
    assert not running.state.exists()
    assert not (checkout / ".tradewind").exists()


def test_ephemeral_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "secrets.json").write_text("{}")
    refused = tradewind(make_checkout(tmp_path, "books"), "up", "--ephemeral", "--state-dir", str(kept))
    assert refused.returncode == 1
    assert refused.stderr == f"{kept} holds something already, and --ephemeral would delete it.\n"
    assert (kept / "secrets.json").exists()


def test_second_start_keeps_data_and_passwords_and_gives_a_new_service_its_database(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path, "books")
    with running_system(checkout) as running:
        tradewind(checkout, "psql", "books", "-c", "CREATE TABLE kept AS SELECT 42 AS answer")
        first = environment_of(running, "books")
    make_checkout(checkout, "films")
    with running_system(checkout) as running:
        assert tradewind(checkout, "psql", "books", "-Atc", "TABLE kept").stdout == "42\n"
        assert tradewind(checkout, "psql", "films", "-Atc", "SELECT 1").stdout == "1\n"
        assert environment_of(running, "books")["CLIENT__SECRET"] == first["CLIENT__SECRET"]
