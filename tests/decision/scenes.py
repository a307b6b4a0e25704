"""A small model, frames of it, and a way to play them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from edgecls.decision.decider import Decider
from edgecls.domain import LabelEvent, Moment, Outcome, Prediction, Scores
from edgecls.settings import DecisionSettings, WatchSettings

LABELS = ("background", "dog", "cat", "bird")
FPS = 10.0


def settings(
    labels: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    **decision: Any,
) -> WatchSettings:
    """The settings of a watch, as short as they are in a file."""
    return WatchSettings(
        model="toy", labels=labels, groups=groups or {}, decision=DecisionSettings(**decision)
    )


def scores(**by_label: float) -> Scores:
    """The scores of one frame; labels that are not named have 0."""
    return np.array([by_label.get(label, 0.0) for label in LABELS], np.float32)


def moment(at_s: float) -> Moment:
    """A moment of media that began at the wall clock 1000."""
    return Moment(at_s, 1000 + at_s, int(at_s * 1e9), at_s)


def decider(watch: WatchSettings | None = None, **decision: Any) -> Decider:
    return Decider("porch", "toy", LABELS, watch or settings(**decision))


def see(decider: Decider, at_s: float, **by_label: float) -> Outcome:
    return decider.update(Prediction(scores(**by_label), 0.5, 6.0), moment(at_s))


def play(
    decider: Decider, frames: Iterable[dict[str, float]], from_s: float = 0.0
) -> list[Outcome]:
    """Show frames at 10 a second."""
    return [see(decider, from_s + i / FPS, **frame) for i, frame in enumerate(frames)]


def events(outcomes: Iterable[Outcome]) -> list[LabelEvent]:
    return [event for outcome in outcomes for event in outcome.events]


def story(outcomes: Iterable[Outcome]) -> list[str]:
    """The events in short: `start dog at 0.2`, `end dog at 5.0: no_support`."""
    return [
        f"{event.phase} {event.label} at {event.ts - 1000:.1f}"
        + (f": {event.reason}" if event.reason else "")
        for event in events(outcomes)
    ]
