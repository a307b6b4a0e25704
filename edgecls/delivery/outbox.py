"""Events on their way: numbered, in order, kept until the broker has acknowledged them.

In memory; owned by the delivery thread. An overflow loses the oldest events that are not under
way, and a `gap` of each watch takes their place.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from itertools import islice

from edgecls.delivery.numbering import Gap, Numbered

log = logging.getLogger(__name__)

# So many events may be unacknowledged at a time: after an outage few are sent twice.
WINDOW = 10


@dataclass(slots=True)
class Entry:
    """An event or gap, and how often it was sent."""

    message: Numbered | Gap
    attempt: int = 0


class Outbox:
    """`next` is the entry to send; once sent it stays until it is acknowledged."""

    def __init__(self, max_events: int) -> None:
        self._max_events = max_events
        self._waiting: deque[Entry] = deque()
        self._under_way: dict[int, Entry] = {}
        self._refused: list[Entry] = []
        self._overflowing = False
        self.dropped = 0

    @property
    def pending(self) -> int:
        """Events and gaps that the broker has not acknowledged."""
        return len(self._waiting) + len(self._under_way) + len(self._refused)

    def report(self, now_ns: int) -> dict[str, float]:
        """Its part of `stats`; nothing of it is on disk, so it has no bytes there."""
        entries = [*self._under_way.values(), *self._refused, *islice(self._waiting, 1)]
        oldest_ns = min((entry.message.handed_ns for entry in entries), default=now_ns)
        return {
            "pending": self.pending,
            "oldest_s": round((now_ns - oldest_ns) / 1e9, 1),
            "dropped": self.dropped,
            "bytes": 0,
        }

    def add(self, numbered: Numbered) -> None:
        """Put an event at the end; the oldest is lost when there is no room."""
        self._waiting.append(Entry(numbered))
        if self.pending > self._max_events:
            if not self._overflowing:
                log.warning(
                    "outbox full: of more than %d waiting events the oldest are lost",
                    self._max_events,
                )
            self._overflowing = True
            self._lose_oldest()
            self.dropped += 1

    def next(self) -> Entry | None:
        """The entry to send now; None when all is sent, the window is full or one was refused."""
        if not self._waiting or self._refused or len(self._under_way) >= WINDOW:
            return None
        return self._waiting[0]

    def sent(self, mid: int) -> None:
        """The entry given by `next` was handed over as message `mid`."""
        entry = self._waiting.popleft()
        entry.attempt += 1
        self._under_way[mid] = entry

    def acknowledged(self, mid: int) -> Entry | None:
        """The broker has it: forget it. None when `mid` was no event."""
        entry = self._under_way.pop(mid, None)
        self._overflowing = self._overflowing and self.pending > 0
        return entry

    def refused(self, mid: int) -> Entry | None:
        """The broker does not take it: nothing more is sent until `take_back_refused`."""
        entry = self._under_way.pop(mid, None)
        if entry is not None:
            self._refused.append(entry)
        return entry

    def take_back_refused(self) -> None:
        """What was refused is to be tried again, in order."""
        self._waiting.extendleft(sorted(self._refused, key=_seq, reverse=True))
        self._refused.clear()

    def take_back(self) -> None:
        """What is unacknowledged is to be sent again, in order: the connection was lost."""
        self._refused += self._under_way.values()
        self._under_way.clear()
        self.take_back_refused()

    def _lose_oldest(self) -> None:
        gaps: dict[str, Entry] = {}
        while isinstance(self._waiting[0].message, Gap):
            entry = self._waiting.popleft()
            gaps[entry.message.watch] = entry
        lost = self._waiting.popleft().message
        earlier = gaps.get(lost.watch)
        gaps[lost.watch] = Entry(_gap(lost, None if earlier is None else earlier.message))
        self._waiting.extendleft(sorted(gaps.values(), key=_seq, reverse=True))


def _gap(lost: Numbered | Gap, earlier: Numbered | Gap | None) -> Gap:
    """The gap that `lost` leaves, or by which it widens an earlier one of its watch."""
    from_seq = earlier.from_seq if isinstance(earlier, Gap) else lost.seq
    return Gap(lost.epoch, from_seq, lost.seq, lost.watch, lost.ts, lost.ts_sync, lost.handed_ns)


def _seq(entry: Entry) -> int:
    return entry.message.seq
