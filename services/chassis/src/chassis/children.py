"""Child processes that never outlive the process that started them, and free ports for them to listen on.

Standard library only. Three traps are handled here, once:

- The kernel sends the signal when the *thread* that started the child ends: start children from the main thread.
- It forgets the signal when the child's uid changes: another uid is taken before the signal is asked for.
- The parent may die before the child has asked: the child looks whether it is still the parent's.

Linux only; elsewhere a child has to be stopped, and a killed parent leaves it behind.
Source: prctl(2), PR_SET_PDEATHSIG.
"""

import atexit
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_PORTS = range(20_000, 32_000)


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL, *, parent: int | None = None) -> None:
    """Have the kernel send ``death_signal`` to the calling process when its parent dies.

    ``parent`` is the pid that the caller expects its parent to have; when it is gone already, the process ends here.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    log: IO[bytes],
    death_signal: signal.Signals = signal.SIGKILL,
    folder: Path | None = None,
    user: int | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process, in a session of its own, so that Ctrl-C reaches only the parent.

    Args:
        command: Absolute path of the program, and its arguments.
        environment: All of the child's environment.
        log: Where its output and errors go.
        death_signal: What it gets when this process dies.
        folder: Its working directory.
        user: The uid, which is also the gid, that it runs as; None keeps ours.
        before: Runs in the child before the program, as its user.

    Raises:
        OSError: The program cannot be run.
    """
    parent = os.getpid()

    def in_child() -> None:
        if before is not None:
            before()
        die_with_parent(death_signal, parent=parent)

    return subprocess.Popen(  # noqa: S603 - callers build the command
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
        preexec_fn=in_child,  # noqa: PLW1509 - started from the main thread, as the module says
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )


def stop(process: subprocess.Popen[bytes], *signals: signal.Signals, seconds_each: float) -> int:
    """Send the signals in turn until the process ends, then SIGKILL to its whole session; return its exit status."""
    if (status := process.poll()) is not None:
        return status
    for number in signals:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(seconds_each)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def free_ports(count: int) -> list[int]:
    """Return so many different TCP ports of 127.0.0.1 that nobody listens on at this moment.

    They lie below those that the kernel gives to outgoing connections, so that none of these takes one while the
    server that it was chosen for is being started again. No other caller on this machine is given one of them before
    this process has ended: most servers start a while after their ports were chosen, and some start again.

    Raises:
        OSError: There are not so many.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            with suppress(OSError):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                _claim(port)
                found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports")


_claims = ExitStack()
atexit.register(_claims.close)


def _claim(port: int) -> None:
    """Keep others from being given a port; the kernel forgets a name without a file together with this process.

    Raises:
        OSError: It is somebody else's.
    """
    if sys.platform == "linux":
        with ExitStack() as attempt:
            attempt.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0tradewind-port-{port}")
            _claims.push(attempt.pop_all())
