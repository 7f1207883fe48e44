"""The embedded servers: started from nothing, started again, and never left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from chassis import embedded, unprivileged
from chassis.children import free_ports
from chassis.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    folder = tmp_path_factory.mktemp("a folder") / "postgres"
    with EmbeddedPostgres(folder, synchronous_commit=False, fsync=False) as server:
        yield server


async def ask(server: EmbeddedPostgres, question: str) -> object:
    connection = await asyncpg.connect(server.superuser_dsn("postgres"))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def state_of(pid: int) -> str:
    """Return the process's state letter, Z for one that is gone: under some init processes nobody reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def owner_of(pid: int | None) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def eventually(what: Callable[[], bool], *, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def test_postgres_speaks_utf8_with_a_case_aware_locale(postgres: EmbeddedPostgres) -> None:
    assert await ask(postgres, "SELECT lower('Ä') || current_setting('server_encoding')") == "äUTF8"


async def test_postgres_listens_on_loopback_only(postgres: EmbeddedPostgres) -> None:
    assert await ask(postgres, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(postgres, "SHOW unix_socket_directories") == ""


async def test_postgres_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn("postgres", "postgres", "wrong"))


async def test_commits_are_durable_unless_told_otherwise(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    assert await ask(postgres, "SHOW synchronous_commit") == "off"
    assert await ask(postgres, "SHOW fsync") == "off"
    with EmbeddedPostgres(tmp_path / "postgres") as durable:
        assert await ask(durable, "SHOW synchronous_commit") == "on"
        assert await ask(durable, "SHOW fsync") == "on"


async def test_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as first:
        await ask(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(tmp_path / "postgres") as second:
        assert await ask(second, "SELECT answer FROM kept") == 42


async def test_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        assert await ask(server, "SELECT 1") == 1


@pytest.fixture
def stranger() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process.pid
    process.kill()
    process.wait()


async def test_killed_server_recovers_although_its_lock_file_names_a_living_stranger(
    tmp_path: Path, stranger: int
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres").start()
    assert server.pid is not None
    await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: server.returncode() is not None)
    lock = server.data / "postmaster.pid"
    lock.write_text(lock.read_text().replace(str(server.pid), str(stranger), 1))
    assert not server.answers()
    with EmbeddedPostgres(tmp_path / "postgres") as again:
        assert await ask(again, "SELECT answer FROM kept") == 42


def test_taken_port_is_one_sentence(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=rf"PostgreSQL cannot start: .* port {postgres.port}\."):
        EmbeddedPostgres(tmp_path / "postgres", port=postgres.port).start()
    with EmbeddedNats(tmp_path / "nats") as nats, pytest.raises(EmbeddedServerError, match=f"NATS .* port {nats.port}"):
        EmbeddedNats(tmp_path / "other", port=nats.port).start()


def test_ending_at_once_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"NATS ended at once: .*Parse error.*server\.log\)"):
        EmbeddedNats(tmp_path / "nats", config="nonsense {").start()


def test_snatched_free_port_is_replaced_by_another(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([[postgres.port], free_ports(1)])
    monkeypatch.setattr("chassis.children.free_ports", lambda count: next(ports))
    with EmbeddedNats(tmp_path / "nats") as nats:
        assert nats.port != postgres.port


def test_nats_answers_and_its_configuration_is_ours_only(tmp_path: Path) -> None:
    config = 'authorization { users: [ { user: "a", password: "b" } ] }'
    with EmbeddedNats(tmp_path / "na ts", config=config) as server:
        assert server.answers()
        assert (server.folder / "nats.conf").stat().st_mode & 0o777 == 0o600
        assert server.folder.stat().st_mode & 0o777 == 0o700
    assert server.pid is None


def test_missing_binaries_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(embedded.POSTGRES_SETTING, str(tmp_path))
    monkeypatch.setenv(embedded.NATS_SETTING, str(tmp_path / "nats-server"))
    with pytest.raises(EmbeddedServerError, match="PostgreSQL is missing: install"):
        EmbeddedPostgres(tmp_path / "postgres").start()
    with pytest.raises(EmbeddedServerError, match="nats-server is missing: install"):
        EmbeddedNats(tmp_path / "nats").start()


PARENT = """
import pathlib, sys, time
from chassis.embedded import EmbeddedNats, EmbeddedPostgres
folder = pathlib.Path(sys.argv[1])
postgres = EmbeddedPostgres(folder / "postgres").start()
nats = EmbeddedNats(folder / "nats").start()
print(postgres.pid, nats.pid, flush=True)
time.sleep(600)
"""


def assert_servers_die_with_their_parent(program: str, folder: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert "Z" not in [state_of(pid) for pid in pids]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: [state_of(pid) for pid in pids] == ["Z", "Z"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
def test_servers_die_with_a_killed_parent_and_start_again(tmp_path: Path) -> None:
    assert_servers_die_with_their_parent(PARENT, tmp_path)
    with EmbeddedPostgres(tmp_path / "postgres") as postgres, EmbeddedNats(tmp_path / "nats") as nats:
        assert postgres.answers()
        assert nats.answers()


SERVER = """
import os, pathlib, sys
from chassis import unprivileged
if os.geteuid() == 0:
    unprivileged.enter_user_namespace()
assert os.geteuid() != 0
from chassis.embedded import EmbeddedPostgres
with EmbeddedPostgres(pathlib.Path(sys.argv[1])) as postgres:
    print(postgres.answers())
"""


@pytest.mark.skipif(
    os.geteuid() == 0 and not unprivileged.user_namespaces_work(), reason="root cannot become an ordinary user here"
)
def test_ordinary_user_runs_postgres(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", SERVER, str(tmp_path / "postgres")], capture_output=True, check=True)
    assert said.stdout == b"True\n"


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs PostgreSQL as somebody else")
    monkeypatch.setattr(unprivileged, "user_namespaces_work", lambda: False)


@pytest.fixture
def open_folder(no_namespaces: None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tradewind ") as folder:
        Path(folder).chmod(0o711)
        if unprivileged.unreachable(embedded.find_postgres(), unprivileged.NOBODY):
            pytest.skip("nobody may not enter the folder of the binaries")
        yield Path(folder)


async def test_without_namespaces_root_runs_postgres_as_nobody(open_folder: Path) -> None:
    with EmbeddedPostgres(open_folder / "postgres") as server:
        assert owner_of(server.pid) == unprivileged.NOBODY
        assert await ask(server, "SELECT 1") == 1
    with EmbeddedPostgres(open_folder / "postgres") as again:
        assert await ask(again, "SELECT 1") == 1


def test_folder_that_nobody_may_not_enter_is_named_in_one_sentence(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=f"may not enter {closed}: run as an ordinary user"):
        EmbeddedPostgres(closed / "postgres").start()


def test_postgres_run_as_nobody_dies_with_a_killed_parent(open_folder: Path) -> None:
    without = "from chassis import unprivileged; unprivileged.user_namespaces_work = lambda: False\n"
    assert_servers_die_with_their_parent(without + PARENT, open_folder)
