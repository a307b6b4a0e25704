"""What the delivery thread is told, by whom it may be: one queue, one reader."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from edgecls.delivery.description import Description
from edgecls.delivery.happenings import Happening
from edgecls.domain import Outcome, Pixels
from edgecls.settings import MqttSettings, OutboxSettings


class Wake(Enum):
    """There may be something else to say."""

    HEALTH = auto()
    PICTURE = auto()


@dataclass(frozen=True, slots=True)
class Note:
    """Something to remember for the next process; a `value` of None forgets it."""

    kind: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Close:
    """Everything is to be done by then (monotonic, seconds)."""

    deadline: float
    restarting: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration is another one."""

    mqtt: MqttSettings
    outbox: OutboxSettings
    interval_s: float


Item = Outcome | Happening | Description | Wake | Note | Close | Settings


class Mailbox:
    """Putting something in never blocks and never raises."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.newest: dict[str, Outcome] = {}  # by watch
        self.pictures: dict[str, Pixels] = {}  # by watch, not shown yet

    def publish(self, outcome: Outcome) -> None:
        """One frame's outcome; most change nothing, and are only the newest."""
        if outcome.snapshot is not None:  # large: only the newest is kept
            self.pictures[outcome.watch] = outcome.snapshot
            outcome = replace(outcome, snapshot=None)
            self.tell(Wake.PICTURE)
        new = outcome.watch not in self.newest
        self.newest[outcome.watch] = outcome
        if new or outcome.changed or outcome.events:
            self.tell(outcome)

    def remember(self, kind: str, name: str, value: Any) -> None:
        """Note something for the next process; None forgets it."""
        self.tell(Note(kind, name, value))

    def reconfigure(self, mqtt: MqttSettings, outbox: OutboxSettings, interval_s: float) -> None:
        """Go on by other settings; `interval_s` between two `stats`."""
        self.tell(Settings(mqtt, outbox, interval_s))

    def tell(self, item: Item) -> None:
        """Anything else."""
        self._queue.put(item)

    def take(self, until: float) -> Item | None:
        """What came first; waits for something until then (monotonic, seconds)."""
        try:
            return self._queue.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def __len__(self) -> int:
        return self._queue.qsize()
