"""``python -m chassis serve | migrate | work | …``: runs the package named by ``SERVICE``."""

import os
import tempfile


def _share_metrics() -> None:
    """Give several worker processes one folder for their metrics; must come before prometheus_client is imported."""
    if int(os.environ.get("WEB_CONCURRENCY") or 1) > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(
            prefix=f"{os.environ.get('SERVICE', 'service')}-metrics-"
        )


if __name__ == "__main__":
    _share_metrics()
    from chassis.commands import main

    main()
