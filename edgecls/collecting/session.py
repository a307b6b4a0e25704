"""Some pictures that were asked for, one after another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """When the next picture is due, in decision time."""

    pause_s: float
    last_s: float | None = None

    def due(self, now_s: float) -> bool:
        """Whether one is; the next is due after the pause. Time may begin anew."""
        if self.last_s is not None and 0 <= now_s - self.last_s < self.pause_s * _EARLY:
            return False
        self.last_s = now_s
        return True


@dataclass(slots=True)
class Session:
    """Asked for in any thread, taken in the loop's, kept in the collector's."""

    watch: str
    label: str
    count: int
    pace: Pace
    taken: int = 0
    kept: int = 0
    alike: int = 0
    lost: int = 0

    @property
    def left(self) -> int:
        """How many pictures are still to be taken."""
        return self.count - self.taken


_EARLY = 1 - 1e-6  # media times are only rounded
