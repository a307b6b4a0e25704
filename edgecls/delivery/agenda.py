"""What is to be done later, and when: the delivery thread waits for whatever comes first."""

from __future__ import annotations

import math
import time
from enum import Enum, auto


class Chore(Enum):
    """What the delivery does without being told."""

    STATS = auto()
    REFRESH = auto()  # states whose score or verdict differ
    SEND_REFUSED = auto()  # events that the broker refused
    BE_ALONE = auto()  # nobody has fought us for our client id for long enough
    REDISCOVER = auto()  # Home Assistant has started, or the discovery has changed


class Agenda:
    """Times are monotonic, in seconds. Owned by one thread."""

    def __init__(self) -> None:
        self._at: dict[Chore, float] = {}

    @property
    def next_at(self) -> float:
        """When the next chore is due; infinity when there is none."""
        return min(self._at.values(), default=math.inf)

    def plan(self, chore: Chore, in_s: float) -> None:
        """Do it after so many seconds, whenever it was planned before."""
        self._at[chore] = time.monotonic() + in_s

    def cancel(self, chore: Chore) -> None:
        """Do not do it."""
        self._at.pop(chore, None)

    def take_due(self) -> list[Chore]:
        """What is to be done now; each is planned no more."""
        now = time.monotonic()
        due = [chore for chore, at in self._at.items() if at <= now]
        for chore in due:
            del self._at[chore]
        return due
