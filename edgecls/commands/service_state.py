"""Where the service keeps its state: systemd tells it, and nobody tells who calls us by hand."""

from __future__ import annotations

import os
from pathlib import Path

_CONFIGS, _STATE = Path("/etc/edgecls"), Path("/var/lib/edgecls")


def look_where_the_service_does(config: Path) -> None:
    """Take the state folder of the service for ours, if the configuration is the service's."""
    if config.absolute().parent == _CONFIGS and _STATE.is_dir():
        os.environ.setdefault("STATE_DIRECTORY", str(_STATE))
