"""Events get their numbers: `(epoch, seq)` rises strictly per device."""

from __future__ import annotations

import os
from dataclasses import dataclass

from edgecls.domain import LabelEvent, Phase


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its number; an `end` knows the id of the `start` it ends."""

    epoch: str
    seq: int
    event: LabelEvent
    ts_sync: bool  # the clock was NTP-synchronised when the event was numbered
    start_id: str | None = None

    @property
    def id(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @property
    def watch(self) -> str:
        return self.event.watch

    @property
    def ts(self) -> float:
        return self.event.ts

    @property
    def handed_ns(self) -> int:
        return self.event.handed_ns


@dataclass(frozen=True, slots=True)
class Gap:
    """Lost events of one watch, from `from_seq` to `seq`; it takes the last one's place."""

    epoch: str
    from_seq: int
    seq: int
    watch: str
    ts: float
    ts_sync: bool
    handed_ns: int

    @property
    def id(self) -> str:
        return f"{self.epoch}-{self.seq}"


class Numbering:
    """Gives the numbers of one epoch, from 1; owned by one thread."""

    def __init__(self) -> None:
        self.epoch = os.urandom(3).hex()
        self._seq = 0
        self._starts: dict[tuple[str, str], str] = {}

    def number(self, event: LabelEvent, *, ts_sync: bool) -> Numbered:
        """The event with the next number."""
        self._seq += 1
        place = (event.watch, event.label)
        start_id = self._starts.pop(place, None) if event.phase is Phase.END else None
        numbered = Numbered(self.epoch, self._seq, event, ts_sync, start_id)
        if event.phase is Phase.START:
            self._starts[place] = numbered.id
        return numbered
