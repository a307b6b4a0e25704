"""One watch's look at frames: its view of them, and the engine that it shares with others."""

from __future__ import annotations

from time import perf_counter_ns

from edgecls.domain import Frame, Image, Prediction
from edgecls.pixels import View
from edgecls.vision.engine import Engine


class Eye:
    """Sees a region of each frame through one model. For the thread of its engine."""

    __slots__ = ("engine", "view")

    def __init__(self, engine: Engine, view: View) -> None:
        self.engine = engine
        self.view = view

    def predict(self, frame: Frame) -> Prediction:
        """The scores of the frame; `inference_ms` covers the run of the interpreter alone."""
        return self.look_at(frame.image)

    def look_at(self, image: Image) -> Prediction:
        """The scores of an image that belongs to no camera."""
        engine = self.engine
        began = perf_counter_ns()
        engine.load(self.view.see(image))
        loaded = perf_counter_ns()
        engine.invoke()
        ran = perf_counter_ns()
        return Prediction(engine.scores(), (loaded - began) / 1e6, (ran - loaded) / 1e6)
