"""The worker class of the gunicorn mode: uvicorn with the same settings as when it serves alone."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from chassis.serving import SERVER


class Worker(UvicornWorker):  # type: ignore[misc] # the package has no types
    """A uvicorn server as a gunicorn worker."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        name: value for name, value in SERVER.items() if name not in ("log_config", "timeout_keep_alive")
    }
