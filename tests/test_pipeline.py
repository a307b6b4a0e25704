"""The loop: every turn is predicted, decided, told and counted; nothing is done twice."""

from __future__ import annotations

import time

import numpy as np

from edgecls import pipeline
from edgecls.decision.decider import Decider
from edgecls.domain import EndReason, Frame, Moment, Outcome, Phase, Prediction
from edgecls.health import Health
from edgecls.pixels import View
from edgecls.progress import Progress
from edgecls.settings import WatchSettings
from edgecls.snapshots import Snapshots
from edgecls.stats import Stats
from edgecls.turns import Turn, Turns, WatchTurn
from tests.fakes import FlatImage


class DogWhenBright:
    """An engine that sees a dog in bright images and nothing in dark ones."""

    def predict(self, frame: Frame) -> Prediction:
        dog = 0.9 if frame.index >= 5 else 0.05
        return Prediction(np.array([1 - dog, dog], np.float32), 0.4, 6.0)


def snapshots() -> Snapshots:
    return Snapshots(View(8, 8), at_start=True)


class Kept:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def publish(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def test_frames_of_a_finite_source_become_a_start_and_an_end() -> None:
    stats = Stats(["porch"], ["gate"], time.monotonic())
    turns = Turns({"gate": WatchTurn("porch")}, stats, Health())
    inbox = turns.inbox("porch", live=False, stall_timeout_s=10)
    decision = Decider("gate", "m", ["none", "dog"], WatchSettings(model="m"))
    kept = Kept()

    def taken() -> list[Turn]:
        # Feeds a frame for each turn, so that no thread is needed.
        served = []
        for index in range(20):
            now_ns = time.monotonic_ns()
            inbox.put(
                Frame("porch", index, FlatImage(index), now_ns, now_ns, 1e9 + index, index / 10)
            )
            served.append(next(iter(turns)))
        inbox.ended()
        return [*served, *turns]

    watch = pipeline.Watch(DogWhenBright(), decision, snapshots(), "an invoke of m")
    pipeline.run(taken(), {"gate": watch}, kept, stats, Progress("inference"))

    events = [event for outcome in kept.outcomes for event in outcome.events]
    assert [(e.phase, e.label, e.media_s) for e in events] == [
        (Phase.START, "dog", 0.7),
        (Phase.END, "dog", 1.9),
    ]
    assert events[1].reason is EndReason.SOURCE_ENDED
    assert len(kept.outcomes) == 21
    # The frame that decided, and no other: each is as bright as its index.
    pictures = [each.snapshot for each in kept.outcomes if each.snapshot is not None]
    assert [picture.tolist()[0][0] for picture in pictures] == [[7, 7, 7]]
    report = stats.report(time.monotonic())
    assert report["frames"]["classified"] == 20
    assert report["watches"]["gate"]["verdicts"] == {"nothing": 5, "accepted": 15}
    assert report["latency_ms"]["end_to_end"]["max"] >= 0


def test_nobody_looking_is_told_but_not_counted_as_a_frame() -> None:
    stats = Stats(["porch"], ["gate"], time.monotonic())
    decision = Decider("gate", "m", ["none", "dog"], WatchSettings(model="m"))
    kept = Kept()
    stalled = Turn("gate", Moment(5.0, 1e9, 0), None, EndReason.CAMERA_STALLED)
    watch = pipeline.Watch(DogWhenBright(), decision, snapshots(), "an invoke of m")
    pipeline.run([stalled], {"gate": watch}, kept, stats, Progress("inference"))
    assert [outcome.classification for outcome in kept.outcomes] == [None]
    assert stats.report(time.monotonic())["frames"]["classified"] == 0


def test_a_native_call_that_hangs_is_named() -> None:
    progress = Progress("camera porch")
    with progress.inside("reading a frame"):
        later_ns = time.monotonic_ns() + 16 * 10**9
        assert progress.overdue(15, later_ns) == (
            "camera porch: reading a frame did not return within 15 s"
        )
        assert progress.overdue(15, time.monotonic_ns()) is None
    assert progress.overdue(15, later_ns) is None
