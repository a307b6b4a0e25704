"""Paths as people write them in a configuration, the service's own, and a user's."""

from __future__ import annotations

import os
from pathlib import Path

from edgecls.errors import ConfigError

CONFIG = Path("/etc/edgecls/edgecls.toml")
SERVICE_CONFIGS = CONFIG.parent
SERVICE_STATE = Path("/var/lib/edgecls")
# https://specifications.freedesktop.org/basedir-spec/latest/
_XDG = {
    "XDG_CACHE_HOME": ".cache",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}


def beside(base: Path, text: str) -> Path:
    """The path, with `~` for a home, relative to `base`. Raises ConfigError for no known home."""
    try:
        return base / Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{text!r}: {error}") from error


def user_folder(variable: str) -> Path | None:
    """The user's folder of ours, below that of an XDG variable; None of a user without a home."""
    named = Path(os.environ.get(variable, ""))
    if named.is_absolute():  # a relative one is to be ignored
        return named / "edgecls"
    try:
        return Path.home() / _XDG[variable] / "edgecls"
    except RuntimeError:
        return None
