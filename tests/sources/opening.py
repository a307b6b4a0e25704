"""Short ways to open a source in a test."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecls.domain import Frame
from edgecls.pixels import View
from edgecls.settings import CameraSettings
from edgecls.sources import Source, open_source


def opened(
    source: str,
    *,
    base: Path = Path(),
    stop: threading.Event | None = None,
    limit: int | None = None,
    views: Sequence[View] = (),
    **settings: Any,
) -> Source:
    """The source of a camera `porch`."""
    return open_source(
        "porch",
        CameraSettings(source=source, **settings),
        views,
        base=base,
        stop=stop or threading.Event(),
        frame_limit=limit,
    )


def frames_of(source: str, **options: Any) -> list[Frame]:
    """All frames of a source, which is closed then."""
    origin = opened(source, **options)
    try:
        return list(origin.frames())
    finally:
        origin.close()


def level(frame: Frame) -> int:
    """The mean grey level of a frame."""
    return round(float(View(16, 16, resize="stretch").see(frame.image).mean()))
