"""What every source is told, and what it gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from edgecls.domain import Image
from edgecls.pixels import View
from edgecls.progress import Progress
from edgecls.settings import CameraSettings

LIVE_FPS = 10.0  # of a live source whose camera does not say `fps`; also the rate of a folder


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which frames are asked for, by whom, and what ends the asking."""

    camera: str
    settings: CameraSettings
    views: Sequence[View] = ()
    base: Path = field(default_factory=Path)  # relative paths lie here
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=lambda: Progress("camera"))

    @property
    def patience_s(self) -> float:
        """How long a native call that waits for a frame may last: it has a time-out of its own."""
        return self.silence_s + 5.0

    @property
    def silence_s(self) -> float:
        """How long a live camera may give no frame before it counts as stalled.

        One that is asked for a frame a minute is not silent after ten seconds.
        """
        return max(self.settings.stall_timeout_s, 2 / (self.settings.fps or LIVE_FPS))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that a live camera is asked for."""
        width, _, height = self.settings.size.partition("x")
        return int(width), int(height)


class Shot(NamedTuple):
    """An image as it came from its origin, before it becomes a frame of a camera."""

    image: Image
    captured_ns: int | None = None  # monotonic; None: at hand-over
    media_s: float | None = None
    turned: bool = False  # the origin has already rotated and flipped it


class Origin(Protocol):
    """One kind of source: gives shots until it is done; raises SourceLost when it cannot."""

    @property
    def broken(self) -> int:
        """Pictures or packets that could not be decoded so far."""
        ...

    def shots(self) -> Iterator[Shot]: ...

    def close(self) -> None: ...
