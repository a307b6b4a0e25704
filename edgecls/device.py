"""Who this board is and where it keeps what it remembers."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path

from edgecls.errors import ConfigError
from edgecls.paths import beside, user_folder
from edgecls.settings import SLUG, DeviceSettings

INSTANCE = "EDGECLS_INSTANCE"
"""Set by the unit edgecls@x to x."""
STOCK_NAMES = frozenset({"raspberrypi", "localhost", "debian", "mendel"})
_MACHINE_ID = Path("/etc/machine-id")


def device_id(settings: DeviceSettings) -> str:
    """The board's name in topics: as configured, that of the unit's instance, or the host name as
    a slug. Raises ConfigError for an instance that is no slug.

    Boards straight from the image share a host name; four digits of the hashed machine id keep
    two of them on one broker apart.
    """
    if settings.id is not None:
        return settings.id
    if instance := os.environ.get(INSTANCE):
        if not re.fullmatch(SLUG, instance):
            raise ConfigError(
                f"[device] id is not set, and the instance edgecls@{instance} cannot be the id: it "
                "must be 1 to 40 of a-z, 0-9, _ and -"
            )
        return instance
    host = re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    name = host[:35] or "edgecls"
    if name not in STOCK_NAMES:
        return name
    try:
        machine = _MACHINE_ID.read_bytes().strip()
    except OSError:
        return name
    return f"{name}-{hashlib.sha256(machine).hexdigest()[:4]}"


def state_dir(settings: DeviceSettings, base: Path) -> Path:
    """The folder for state: as configured, systemd's $STATE_DIRECTORY, or the XDG state folder.

    Raises ConfigError for a user without a home.
    """
    if settings.state_dir is not None:
        return beside(base, settings.state_dir)
    if systemd := os.environ.get("STATE_DIRECTORY"):
        return Path(systemd.split(":")[0])
    if (user := user_folder("XDG_STATE_HOME")) is None:
        raise ConfigError("[device] state_dir is not set, and this user has no home: set it")
    return user
