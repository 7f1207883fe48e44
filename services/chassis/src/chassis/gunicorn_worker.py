"""What the gunicorn mode needs of us: uvicorn as a worker, and gunicorn's lines in the form of ours."""

from typing import Any, ClassVar

from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from chassis.serving import SERVER


class Worker(UvicornWorker):  # type: ignore[misc] # the package has no types
    """A uvicorn server as a gunicorn worker."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        name: value for name, value in SERVER.items() if name not in ("log_config", "timeout_keep_alive")
    }


class Log(Logger):  # type: ignore[misc] # the package has no types
    """Leaves gunicorn's lines to the handlers that ``logs`` has set up."""

    def setup(self, cfg: Any) -> None:
        """Keep the level, and no handler of gunicorn's own."""
        self.error_log.propagate = self.access_log.propagate = True
        self.error_log.setLevel(self.LOG_LEVELS[cfg.loglevel.lower()])
