"""The frame's way, from whose turn it is to what is told. Everything else serves this loop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgecls.domain import EndReason, Frame, Moment, Outcome, Prediction
from edgecls.progress import Progress
from edgecls.snapshots import Snapshots
from edgecls.stats import Stats
from edgecls.turns import Turn


class Engine(Protocol):
    """Sees a frame as its model sees it."""

    def predict(self, frame: Frame) -> Prediction: ...


class Decision(Protocol):
    """Turns predictions into a state, and says what changed."""

    def update(self, prediction: Prediction, moment: Moment) -> Outcome: ...

    def gone(self, reason: EndReason, moment: Moment) -> Outcome: ...


class Onlooker(Protocol):
    """Looks at each frame of a watch once its outcome is told; must not raise."""

    inside: str  # the native call it may make, in words, for the one who finds it hanging

    def look(self, frame: Frame, outcome: Outcome) -> None: ...


class Publisher(Protocol):
    """Takes every outcome; must neither block nor raise."""

    def publish(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """One region of one camera, seen by one model, judged by one decision."""

    engine: Engine
    decision: Decision
    snapshots: Snapshots
    inside: str  # the native call, in words, for the one who finds it hanging
    onlookers: Sequence[Onlooker] = ()


def run(
    turns: Iterable[Turn],
    watches: Mapping[str, Watch],
    publisher: Publisher,
    stats: Stats,
    progress: Progress,
) -> None:
    """Serve every turn until there is none left."""
    for turn in turns:
        watch = watches[turn.watch]
        if turn.frame is None:
            assert turn.gone is not None
            publisher.publish(watch.decision.gone(turn.gone, turn.moment))
            continue
        started_ns = time.monotonic_ns()
        with progress.inside(watch.inside):
            prediction = watch.engine.predict(turn.frame)
        outcome = watch.decision.update(prediction, turn.moment)
        publisher.publish(watch.snapshots.attached(outcome, turn.frame.image))
        if outcome.classification is not None:
            stats.classified(
                turn.watch,
                outcome.classification,
                outcome.withheld,
                age_ms=max(0, started_ns - turn.frame.handed_ns) / 1e6,
                end_to_end_ms=(time.monotonic_ns() - turn.frame.handed_ns) / 1e6,
            )
        for onlooker in watch.onlookers:
            with progress.inside(onlooker.inside):
                onlooker.look(turn.frame, outcome)
