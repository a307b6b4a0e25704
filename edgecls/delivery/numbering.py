"""Events get their numbers: `(epoch, seq)` rises strictly per device."""

from __future__ import annotations

import os
from collections.abc import Mapping
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


class Numbering:
    """Gives the numbers of one epoch, from 1."""

    def __init__(
        self, epoch: str | None = None, seq: int = 0, starts: Mapping[str, str] | None = None
    ) -> None:
        """Go on after `seq`; `starts`: the id of the `start` that has had no `end`, per watch."""
        self.epoch = epoch or os.urandom(3).hex()
        self.seq = seq
        self.starts = dict(starts or {})

    def copy(self) -> Numbering:
        """The same, to be tried and thrown away."""
        return Numbering(self.epoch, self.seq, self.starts)

    def number(self, event: LabelEvent, *, ts_sync: bool) -> Numbered:
        """The event with the next number."""
        self.seq += 1
        start_id = self.starts.pop(event.watch, None) if event.phase is Phase.END else None
        numbered = Numbered(self.epoch, self.seq, event, ts_sync, start_id)
        if event.phase is Phase.START:
            self.starts[event.watch] = numbered.id
        return numbered
