"""What the daemon says of itself, as of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgecls.delivery.discovery import DeviceCard


@dataclass(frozen=True, slots=True)
class Description:
    """Made by whoever changed something, after it was noted for the next process: it takes its turn
    behind that note, and so nothing is told that a power cut would undo."""

    info: Mapping[str, Any]  # but for `schema` and `epoch`
    config: Mapping[str, Any]  # but for `schema`
    card: DeviceCard  # what Home Assistant is told
