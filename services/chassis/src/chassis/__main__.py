"""``python -m chassis serve | migrate | work | …``: runs the package named by ``SERVICE``."""

import os
import sys
import tempfile


def _share_metrics() -> None:
    """Give several worker processes one folder for their metrics; must come before prometheus_client is imported."""
    if int(os.environ.get("WEB_CONCURRENCY") or 1) > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(
            prefix=f"{os.environ.get('SERVICE', 'service')}-metrics-"
        )


def _leave_rich_out() -> None:
    """Let httpx and structlog do without rich, which they import wherever some tool has brought it: 4 MB a process."""
    sys.modules["rich"] = None  # type: ignore[assignment]


if __name__ == "__main__":
    _share_metrics()
    _leave_rich_out()
    from chassis.commands import main

    main()
