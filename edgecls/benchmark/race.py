"""Several models or settings measured alternately in one run, each the bare way and the whole way.

What changes meanwhile (the processor's pace, heat, other processes) then meets all of them. They
are loaded anew for each heat: where a model comes to lie in memory makes some per cent, which is
the difference of two loads and not of two models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import NamedTuple

from edgecls.benchmark.variant import Variant
from edgecls.decision.judge import Judge
from edgecls.domain import Pixels
from edgecls.pixels import ArrayImage, View
from edgecls.settings import WatchSettings
from edgecls.vision.engine import Engine, read
from edgecls.vision.eye import Eye
from edgecls.vision.runtime import open_interpreter

HEATS = 10
_LEAST_HEATS = 3  # an interval needs some, however slow the models are
_WARM_UP_LAPS, _WARM_UP_S = 5, 0.1


class Lap(NamedTuple):
    """One picture, three times: durations in milliseconds."""

    bare: float  # an invoke of the runtime's interpreter, as written by hand
    whole: float  # from the picture in memory to the verdict
    preprocess: float  # the stages of a whole way of its own
    set_tensor: float
    invoke: float
    get_tensor: float
    decide: float


STAGES = Lap._fields[2:]

Laps = Sequence[Lap]


class Runner:
    """One variant, loaded: as edgecls runs it, and bare beside it."""

    def __init__(self, variant: Variant, picture: Pixels) -> None:
        """`picture`: RGB uint8, shape (height, width, 3). Raises ModelError or DelegateError."""
        self.engine = Engine(variant.file, threads=variant.threads, delegate=variant.delegate)
        self._image = ArrayImage(picture)
        self._view = View(self.engine.width, self.engine.height)
        self._eye = Eye(self.engine, self._view)
        settings = WatchSettings(model=str(variant.file))
        self._judge = Judge(self.engine.labels, settings, sigmoid=self.engine.sigmoid)
        self._bare = self._bare_invoke(variant)

    def _bare_invoke(self, variant: Variant) -> Callable[[], None]:
        pixels = self._view.see(self._image)
        if self.engine.accelerated:  # one program is one interpreter: the device holds one model
            self.engine.load(pixels)
            return self.engine.invoke
        reading = read(variant.file, delegate=variant.delegate)
        interpreter = open_interpreter(reading.model, self.engine.threads)
        place = interpreter.get_input_details()[0]["index"]
        interpreter.set_tensor(place, reading.encoder.encode(pixels))
        return interpreter.invoke

    def lap(self, number: int) -> Lap:
        """The three of them; which of the first two goes first changes with the number."""
        if number % 2:
            bare, whole = self._bare_ms(), self._whole_ms()
        else:
            whole, bare = self._whole_ms(), self._bare_ms()
        return Lap(bare, whole, *self._stages_ms())

    def _bare_ms(self) -> float:
        began = perf_counter_ns()
        self._bare()
        return (perf_counter_ns() - began) / 1e6

    def _whole_ms(self) -> float:
        began = perf_counter_ns()
        prediction = self._eye.look_at(self._image)
        self._judge.judge(prediction.scores)
        return (perf_counter_ns() - began) / 1e6

    def _stages_ms(self) -> tuple[float, float, float, float, float]:
        engine = self.engine
        began = perf_counter_ns()
        pixels = self._view.see(self._image)
        seen = perf_counter_ns()
        engine.load(pixels)
        loaded = perf_counter_ns()
        engine.invoke()
        ran = perf_counter_ns()
        scores = engine.scores()
        got = perf_counter_ns()
        self._judge.judge(scores)
        judged = perf_counter_ns()
        return (
            (seen - began) / 1e6,
            (loaded - seen) / 1e6,
            (ran - loaded) / 1e6,
            (got - ran) / 1e6,
            (judged - got) / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Raced:
    """One variant as it really ran, and its laps by heat."""

    model: str
    runtime: str
    delegate: str
    threads: int
    heats: tuple[Laps, ...]


def race(
    variants: Sequence[Variant],
    picture: Pixels,
    seconds: float,
    heat_done: Callable[[int], None] = lambda _: None,
) -> list[Raced]:
    """Each variant's laps on the picture, RGB uint8 (height, width, 3), in the order given.

    Takes about `seconds` for each of them; slow ones take three heats of a lap, however long. Calls
    `heat_done` with the number of heats that are over. Raises ModelError or DelegateError.
    """
    until_s = perf_counter() + seconds * len(variants)
    heats: list[_Heat] = []
    while len(heats) < HEATS and (len(heats) < _LEAST_HEATS or perf_counter() < until_s):
        lasts_s = (until_s - perf_counter()) / (HEATS - len(heats))
        heats.append(_Heat(variants, picture, lasts_s, len(heats)))
        heat_done(len(heats))
    return [
        Raced(*facts, tuple(heat.laps[place] for heat in heats))
        for place, facts in enumerate(heats[0].facts)
    ]


class _Heat:
    """All variants loaded, run alternately and let go."""

    def __init__(
        self, variants: Sequence[Variant], picture: Pixels, lasts_s: float, number: int
    ) -> None:
        places = list(range(len(variants)))
        until_s = perf_counter() + lasts_s
        runners: dict[int, Runner] = {}
        for place in places if number % 2 else reversed(places):
            runners[place] = Runner(variants[place], picture)
            _warm_up(runners[place])
        self.laps: list[list[Lap]] = [[] for _ in places]
        turn = number
        while turn == number or perf_counter() < until_s:
            for place in places if turn % 2 else reversed(places):
                self.laps[place].append(runners[place].lap(turn // 2))
            turn += 1
        self.facts = [_facts(runners[place].engine) for place in places]


def _warm_up(runner: Runner) -> None:
    until_s = perf_counter() + _WARM_UP_S
    for number in range(_WARM_UP_LAPS):
        runner.lap(number)
        if perf_counter() >= until_s:
            return


def _facts(engine: Engine) -> tuple[str, str, str, int]:
    return engine.model.name, engine.runtime, engine.delegate, engine.threads
