"""Where the service keeps its state: systemd tells it, and nobody tells who calls us by hand."""

from __future__ import annotations

import os
from pathlib import Path

from edgecls.paths import SERVICE_CONFIGS, SERVICE_STATE


def look_where_the_service_does(config: Path) -> None:
    """Take the state folder of the service for ours, if the configuration is the service's."""
    if config.absolute().parent == SERVICE_CONFIGS and SERVICE_STATE.is_dir():
        os.environ.setdefault("STATE_DIRECTORY", str(SERVICE_STATE))
