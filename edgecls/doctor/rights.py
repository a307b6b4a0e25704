"""Who may use a device: root may all, but the service does not run as root."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path

# As systemd/edgecls.service says.
SERVICE_USER = "edgecls"
_GROUPS = ("video", "render", "plugdev")
_READ_AND_WRITE = 0o6


def usable(device: Path, service_user: str = SERVICE_USER) -> bool:
    """Whether a device can be read and written: by us; if we are root, by the service's user."""
    try:
        user = pwd.getpwnam(service_user)
    except KeyError:
        user = None
    if os.geteuid() != 0 or user is None:
        return os.access(device, os.R_OK | os.W_OK, effective_ids=True)
    groups = {user.pw_gid}
    for name in _GROUPS:
        with suppress(KeyError):
            groups.add(grp.getgrnam(name).gr_gid)
    facts = device.stat()
    rights = facts.st_mode & 0o7
    if facts.st_uid == user.pw_uid:
        rights = facts.st_mode >> 6 & 0o7
    elif facts.st_gid in groups:
        rights = facts.st_mode >> 3 & 0o7
    return rights & _READ_AND_WRITE == _READ_AND_WRITE
