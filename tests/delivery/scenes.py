"""Outcomes and events for these tests, and a delivery with its two threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

from edgecls.delivery.commands import Collect, Setting
from edgecls.delivery.delivery import Delivery
from edgecls.delivery.description import Description
from edgecls.delivery.discovery import DeviceCard, WatchCard
from edgecls.delivery.outbox import Outbox
from edgecls.domain import (
    NO_STATE,
    Category,
    Classification,
    EndReason,
    LabelEvent,
    Outcome,
    Phase,
    Reason,
    State,
)
from edgecls.health import Health
from edgecls.settings import MqttSettings, OutboxSettings

TS = 1_795_234_385.157  # 2026-11-21T04:13:05.157Z
WATCHED = {"porch": [("dog", "dog"), ("cat", "cat")]}
DOG = Category(None, "dog", 0.913_27, "dog")
CAT = Category(281, "tabby, cat", 0.05, "tabby_cat")


def event(phase: Phase, watch: str = "porch", **changes: Any) -> LabelEvent:
    """An event of the label dog, handed over now."""
    facts: dict[str, Any] = {
        "model": "mobilenet",
        "label": "dog",
        "slug": "dog",
        "score": DOG.score,
        "top": (DOG, CAT),
        "ts": TS,
        "handed_ns": time.monotonic_ns(),
    }
    if phase is Phase.END:
        facts |= {"duration_s": 4.2, "max_score": 0.97, "reason": EndReason.NO_SUPPORT}
    return LabelEvent(phase, watch, **(facts | changes))


def seen(reason: Reason | None = None) -> Classification:
    """One frame's best categories."""
    return Classification((DOG, CAT), reason)


def dog_comes(watch: str = "porch") -> Outcome:
    """The state dog begins."""
    state = State("dog", "dog", None, TS, DOG.score)
    return Outcome(watch, TS, state, seen(), True, (event(Phase.START, watch),))


def dog_goes(watch: str = "porch") -> Outcome:
    """The state dog ends."""
    return Outcome(watch, TS, NO_STATE, seen(Reason.LOW_SCORE), True, (event(Phase.END, watch),))


def dog_stays(score: float, watch: str = "porch") -> Outcome:
    """The state dog goes on; nothing to tell but another score."""
    return Outcome(watch, TS, State("dog", "dog", None, TS, score), seen())


def nothing_yet(watch: str = "porch") -> Outcome:
    """The first frames: no state."""
    return Outcome(watch, TS, NO_STATE, seen(Reason.NOT_WATCHED))


class BoardFacts:
    """What a daemon would say of the device `board`."""

    def __init__(
        self,
        settings: MqttSettings,
        watched: Mapping[str, Sequence[tuple[str, str]]],
        config: Mapping[str, Any],
        snapshots: Collection[str] = (),
    ) -> None:
        self.acks: list[float] = []
        self.acknowledged = self.acks.append
        self.watched, self.snapshots = dict(watched), snapshots
        self._base, self._config = f"{settings.base_topic}/board", config

    def stats(self, elapsed_s: float) -> Mapping[str, Any]:
        return {"uptime_s": 12, "interval_s": round(elapsed_s), "fps": 14.9}

    def description(self) -> Description:
        watches = (
            WatchCard(name, tuple(labels), (), name in self.snapshots)
            for name, labels in self.watched.items()
        )
        card = DeviceCard(
            "board", "Board", self._base, "1.2.3", None, 60.0, True, True, tuple(watches)
        )
        return Description({"version": "1.2.3"}, deepcopy(self._config), card)


class Obedient:
    """Takes commands for the watches of BoardFacts, and remembers them."""

    def __init__(self, about: BoardFacts) -> None:
        self._about = about
        self.settings: list[Setting] = []
        self.restarts = 0

    def watches(self) -> Collection[str]:
        return self._about.watched

    def models(self) -> Collection[str]:
        return ("mobilenet", "vww")

    def apply(self, setting: Setting) -> None:
        self.settings.append(setting)

    def restart(self) -> None:
        self.restarts += 1

    def snapshot(self, watch: str) -> str | None:
        return None if watch in self._about.snapshots else "no snapshots of this watch"

    def collect(self, asked: Collect) -> Path:
        raise AssertionError("nobody asks for pictures here")


def delivery(
    settings: MqttSettings,
    *,
    about: BoardFacts | None = None,
    watched: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    health: Health | None = None,
    max_events: int = 50_000,
    interval_s: float = 60.0,
    config: Mapping[str, Any] | None = None,
    file: Path | None = None,
) -> Delivery:
    """A delivery of the device `board` that comes back soon after a lost connection."""
    health = health or Health()
    about = about or BoardFacts(
        settings, WATCHED if watched is None else watched, config or {"watches": {}}
    )
    outbox = Outbox(file, OutboxSettings(max_events=max_events), health)
    with ExitStack() as undo:
        undo.callback(outbox.close)
        one = Delivery(
            settings,
            outbox,
            "board",
            about,
            Obedient(about),
            interval_s=interval_s,
            health=health,
            pause=lambda _: 0.05,
        )
        undo.pop_all()  # it closes it itself
        return one


@contextmanager
def running(one: Delivery) -> Iterator[Delivery]:
    """The delivery with its threads; both have ended afterwards."""
    threads = [
        threading.Thread(target=one.run, name="delivery"),
        threading.Thread(target=one.run_network, name="mqtt"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield one
    finally:
        one.close(0.0)
        for thread in threads:
            thread.join(15)
        assert not any(thread.is_alive() for thread in threads)
