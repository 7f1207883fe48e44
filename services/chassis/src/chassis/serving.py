"""Serving a service: one uvicorn process (a pod's way), or gunicorn with several (a virtual machine's way)."""

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from chassis import logs, metrics
from chassis.app import Service

SERVER: dict[str, Any] = {
    "loop": "uvloop",
    "http": "chassis.http_protocol:BoundedProtocol",
    "ws": "websockets-sansio",
    "access_log": False,
    "log_config": None,
    "server_header": False,
    # uvicorn would believe X-Forwarded-For of every caller on 127.0.0.1, which behind some sidecars is every caller.
    "proxy_headers": False,
    # Longer than any client keeps an idle connection, else a request can meet a closing socket.
    "timeout_keep_alive": 75,
    # The default waits for ever on an open stream.
    "timeout_graceful_shutdown": 20,
}


class _DrainingServer(uvicorn.Server):
    """Goes on serving for a while after SIGTERM, with readiness failing, before the socket closes."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays. Without this every full collection walks all of it while no request is served.
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.probes.drain()
        seconds = self._service.settings.drain_seconds
        if seconds and sig == signal.SIGTERM and not self.should_exit:
            asyncio.get_running_loop().call_later(seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)


def serve(build: Callable[[], Service], *, prepare: bool) -> None:
    """Serve until a signal ends it.

    Args:
        build: Makes the service; called once in each worker process.
        prepare: Migrate and create the stream first, as ``migrate`` does.
    """
    concurrency = int(os.environ.get("WEB_CONCURRENCY") or 1)
    if concurrency > 1:
        _serve_many(build, concurrency, prepare=prepare)
        return
    service = build()
    service.prepare_at_start = prepare
    _serve_one(service, "serving")


def work(service: Service) -> None:
    """Run a service's background loops, and serve its probes, until a signal ends it."""
    service.leave_api()
    _serve_one(service, "working")


def _serve_one(service: Service, doing: str) -> None:
    settings = service.settings
    port = metrics.serve(settings.host, settings.metrics_port)
    logs.get("serve").info(doing, host=settings.host, port=settings.port, metrics_port=port)
    config = uvicorn.Config(service.asgi, host=settings.host, port=settings.port, **SERVER)
    server = _DrainingServer(config, service)
    server.run()
    if not server.started:
        sys.exit(3)


def _serve_many(build: Callable[[], Service], workers: int, *, prepare: bool) -> None:
    from gunicorn.app.base import BaseApplication
    from prometheus_client import multiprocess

    from chassis.children import die_with_parent

    service = build()
    settings = service.settings
    if prepare:
        _prepare_elsewhere(service)
    arbiter = os.getpid()

    class Application(BaseApplication):  # type: ignore[misc] # the package has no types
        def load_config(self) -> None:
            options = {
                "bind": f"{settings.host}:{settings.port}",
                "workers": workers,
                "worker_class": "chassis.gunicorn_worker.Worker",
                "logger_class": "chassis.gunicorn_worker.Log",
                "keepalive": SERVER["timeout_keep_alive"],
                "graceful_timeout": SERVER["timeout_graceful_shutdown"],
                # Else gunicorn writes a socket below $HOME, which a read-only root refuses.
                "control_socket_disable": True,
                "when_ready": lambda _server: metrics.serve(settings.host, settings.metrics_port),
                "post_fork": lambda _server, _worker: die_with_parent(parent=arbiter),
                "child_exit": lambda _server, worker: multiprocess.mark_process_dead(worker.pid),  # type: ignore[no-untyped-call]
                "on_exit": lambda _server: shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return service.asgi

    logs.get("serve").info("serving", host=settings.host, port=settings.port, workers=workers)
    Application().run()


def _prepare_elsewhere(service: Service) -> None:
    """Run the preparations in a process of their own: workers must not inherit the connections that they open."""
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(target=_prepare, args=(service,))
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def _prepare(service: Service) -> None:
    from chassis.children import die_with_parent

    die_with_parent()
    asyncio.run(service.run_preparations())
