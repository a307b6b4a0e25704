"""What committed events cost the frame loop: `python -m tests.benchmarks.events`.

The same loop, on the same picture, with a delivery on SQLite and a Mosquitto beside it; in every
other round it has EVENTS_PER_S to tell, each committed to the disk and acknowledged by the broker.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from edgecls.decision.decider import Decider
from edgecls.delivery.outbox import Outbox
from edgecls.domain import EndReason, LabelEvent, Moment, Outcome, Phase, Prediction
from edgecls.health import Health
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.settings import MqttSettings, OutboxSettings, WatchSettings
from edgecls.vision.engine import Engine
from edgecls.vision.eye import Eye
from tests.benchmarks.daemon import DATA
from tests.brokers import Mosquitto
from tests.delivery.scenes import WATCHED, delivery, event, running

EVENTS_PER_S = 20
ROUNDS = 10  # of each kind
ROUND_S = 6.0
# A live camera, whose loop waits for the next frame; and media as fast as it goes.
CASES = (
    ("mobilenet_v2_1.0_224_quant", 30),
    ("mobilenet_v2_1.0_224_quant", None),
    ("mobilenet_v1_0.25_128_quant", None),
)


class Talkative:
    """A decision that also begins or ends a state, so many times a second."""

    def __init__(self, decider: Decider, events_per_s: float) -> None:
        self._decider = decider
        self._interval_s = 1 / events_per_s if events_per_s else float("inf")
        self._due_s = time.monotonic() + self._interval_s
        self.told = 0

    def update(self, prediction: Prediction, moment: Moment) -> Outcome:
        outcome = self._decider.update(prediction, moment)
        if moment.decision_s < self._due_s:
            return outcome
        self._due_s += self._interval_s
        self.told += 1
        return replace(outcome, changed=True, events=(self._event(moment),))

    def gone(self, reason: EndReason, moment: Moment) -> Outcome:
        return self._decider.gone(reason, moment)

    def _event(self, moment: Moment) -> LabelEvent:
        phase = Phase.START if self.told % 2 else Phase.END
        return event(phase, handed_ns=moment.handed_ns)


@dataclass(frozen=True)
class Loop:
    """The frame loop of one case."""

    eye: Eye
    image: ArrayImage
    frames_per_s: float | None
    folder: Path
    url: str

    def wait(self, until_s: float) -> float:
        """Wait for the frame that is due, and when the next one is."""
        if self.frames_per_s is None:
            return until_s
        time.sleep(max(0.0, until_s - time.monotonic()))
        return until_s + 1 / self.frames_per_s


def frame_loop(loop: Loop, events_per_s: float) -> list[float]:
    """Milliseconds of each frame's way, from the picture to the hand-over to the delivery."""
    eye, image, folder = loop.eye, loop.image, loop.folder
    decision = Talkative(
        Decider("porch", "m", eye.engine.labels, WatchSettings(model="m")), events_per_s
    )
    settings, took_ms = MqttSettings(url=loop.url), []
    with running(delivery(settings, watched=WATCHED, file=folder / "outbox.sqlite")) as one:
        due_s = time.monotonic()
        until_s = due_s + ROUND_S
        while (now_s := time.monotonic()) < until_s:
            due_s = loop.wait(due_s)
            began_ns = time.monotonic_ns()
            moment = Moment(now_s, time.time(), began_ns)
            one.publish(decision.update(eye.look_at(image), moment))
            took_ms.append((time.monotonic_ns() - began_ns) / 1e6)
        left = one.close(10.0)
    assert left == 0, f"{left} of {decision.told} events were not acknowledged"
    _check_committed(folder, decision.told)
    return took_ms


def _check_committed(folder: Path, told: int) -> None:
    file = folder / "outbox.sqlite"
    outbox = Outbox(file, OutboxSettings(), Health())
    committed = len(outbox.since(0, 1000)[0])
    outbox.close()
    assert min(told, 300) <= committed, (told, committed)  # an answer has 200 kB at most
    file.unlink()


def measure(model: str, frames_per_s: float | None, folder: Path, url: str) -> None:
    """Print the ratios of one case."""
    engine = Engine(DATA / "models" / f"{model}.tflite", threads=1)
    eye = Eye(engine, View(engine.width, engine.height))
    photo = next((DATA / "images").rglob("*.jpg"))
    image = ArrayImage(read_picture(photo))
    loop = Loop(eye, image, frames_per_s, folder, url)
    frame_loop(loop, EVENTS_PER_S)  # warms up
    figures: dict[float, list[tuple[float, float]]] = {0: [], EVENTS_PER_S: []}
    for _ in range(ROUNDS):
        for events_per_s, rounds in figures.items():
            cuts = statistics.quantiles(frame_loop(loop, events_per_s), n=100)
            rounds.append((cuts[49], cuts[98]))
    quiet, busy = (
        [statistics.median(each) for each in zip(*rounds, strict=True)]
        for rounds in figures.values()
    )
    case = f"{model}, {frames_per_s or 'all'} frames a second, {EVENTS_PER_S} events a second"
    for name, with_events, without in zip(("p50", "p99"), busy, quiet, strict=True):
        ratio = with_events / without
        print(
            f"{case}: {name} {with_events:.3f} ms, without {without:.3f} ({ratio:.3f})", flush=True
        )


def main() -> None:
    """Print the figures of all cases."""
    with tempfile.TemporaryDirectory() as name:
        broker = Mosquitto(Path(name) / "mosquitto").start()
        try:
            for model, frames_per_s in CASES:
                measure(model, frames_per_s, Path(name), broker.url)
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
