"""How often something may happen."""

from __future__ import annotations


class Bucket:
    """So many times at once and so many per second on average. The caller gives the time."""

    def __init__(self, at_once: int, per_s: float, now_s: float) -> None:
        self._at_once, self._per_s = at_once, per_s
        self._left, self._filled_s = float(at_once), now_s

    def take(self, now_s: float) -> bool:
        """Whether it may happen now; if so, it counts."""
        gained = (now_s - self._filled_s) * self._per_s
        self._left, self._filled_s = min(self._at_once, self._left + gained), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
