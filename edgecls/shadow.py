"""A second model that looks along without a say: what it would say of one frame in so many."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import Any

from edgecls.decision.judge import Judge
from edgecls.domain import Classification, Frame, Outcome, Verdict
from edgecls.errors import EdgeclsError
from edgecls.pixels import View
from edgecls.settings import WatchSettings
from edgecls.stats import Histogram
from edgecls.trial import LEAST_BEFORE, Share, counts
from edgecls.vision.engine import Engine
from edgecls.vision.eye import Eye

log = logging.getLogger(__name__)

_SLOWEST_MS = 2000.0  # for what has no say: the watch would miss too much meanwhile
_MOST_COMPARED = 100_000  # frames: eight hours at 10 a second, every third one


class Comparison:
    """What two models said of the same frames. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames = self._agreed = self._ambiguous = self._ambiguous_in_force = 0
        self._in_force = self._own = Share(0, 0)
        self._verdicts: Counter[str] = Counter()
        self._inference = Histogram()

    @property
    def frames(self) -> int:
        """That both have seen."""
        return self._frames

    @property
    def shares(self) -> tuple[Share, Share]:
        """Of the model in force, and of the shadow."""
        with self._lock:
            return self._in_force, self._own

    def count(self, shadow: Classification, in_force: Classification) -> None:
        """One more frame."""
        with self._lock:
            self._frames += 1
            self._agreed += _accepted(shadow) == _accepted(in_force)
            self._ambiguous += shadow.verdict is Verdict.AMBIGUOUS
            self._ambiguous_in_force += in_force.verdict is Verdict.AMBIGUOUS
            self._verdicts[shadow.reason or shadow.verdict] += 1
            self._inference.record(shadow.inference_ms)
            self._in_force = self._in_force.with_one(counts(in_force))
            self._own = self._own.with_one(counts(shadow))

    def report(self) -> dict[str, Any]:
        """Ready for JSON; shares of no frame are absent."""
        with self._lock:
            report: dict[str, Any] = {
                "frames": self._frames,
                "verdicts": {str(reason): count for reason, count in self._verdicts.items()},
            }
            if self._frames:
                report |= {
                    "agreement": round(self._agreed / self._frames, 4),
                    "ambiguous": round(self._ambiguous / self._frames, 4),
                    "ambiguous_in_force": round(self._ambiguous_in_force / self._frames, 4),
                    "inference_ms": self._inference.summary(),
                }
            return report


class Shadow:
    """Of one watch. Whatever happens to it, nothing happens to the watch."""

    def __init__(self, watch: str, model: str, engine: Engine, settings: WatchSettings) -> None:
        """`settings` are those of the watch. Raises ConfigError when its groups or labels do not
        suit the model."""
        self.model, self.engine, self.settings = model, engine, settings
        self.inside = f"an invoke of the shadow {model}"
        self.failure: str | None = None  # in use: it does not look any more
        self.comparison = Comparison()
        self._watch = watch
        self._judge = Judge(
            engine.labels, settings, sigmoid=engine.sigmoid, place=f"watches.{watch}"
        )
        region = (0.0, 0.0, 1.0, 1.0) if settings.region is None else tuple(settings.region)
        view = View(engine.width, engine.height, region, settings.resize)  # type: ignore[arg-type]
        self._eye = Eye(engine, view)
        self._left = 0  # frames to let pass

    def judged_by(self, settings: WatchSettings) -> Shadow:
        """A new one that judges by other settings; nothing is compared yet."""
        return Shadow(self._watch, self.model, self.engine, settings)

    def goes_on_as(self, fresh: Shadow) -> bool:
        """Whether what this one has compared so far says the same of a fresh one."""
        return self.failure is None and self._kind == fresh._kind

    @property
    def _kind(self) -> tuple[object, ...]:
        """All that its figures depend on."""
        of = self.settings
        return (
            self.model, self.engine.network, of.model, of.camera, of.region, of.resize,
            of.shadow_every, of.labels, of.groups, of.decision,
        )  # fmt: skip

    def look(self, frame: Frame, outcome: Outcome) -> None:
        """Compare what it says of the frame with what came of it, if it is its turn."""
        if outcome.classification is None or self.failure is not None:
            return
        if self._left:
            self._left -= 1
            return
        self._left = self.settings.shadow_every - 1
        try:
            seen = self._judged(frame)
        except EdgeclsError as error:
            self._fail(str(error))
            return
        self.comparison.count(seen, outcome.classification)
        if seen.inference_ms > _SLOWEST_MS:
            self._fail(f"{self.model} takes {seen.inference_ms / 1000:.1f} s for a frame")

    @property
    def shares(self) -> tuple[Share, Share] | None:
        """As the rival of the model in force; None: there is not enough to compare by yet."""
        found = self.comparison.shares
        enough = max(share.watched for share in found) >= LEAST_BEFORE
        over = self.failure is not None or self.comparison.frames >= _MOST_COMPARED
        return found if enough or over else None

    def report(self) -> dict[str, Any]:
        """Its part of `stats`."""
        told = {"model": self.model, "sha256": self.engine.model.sha256}
        return told | self.comparison.report()

    def _judged(self, frame: Frame) -> Classification:
        prediction = self._eye.predict(frame)
        return self._judge.judge(
            prediction.scores,
            top=1,
            preprocess_ms=prediction.preprocess_ms,
            inference_ms=prediction.inference_ms,
        )

    def _fail(self, why: str) -> None:
        log.warning("watch %s: the shadow does not look any more: %s", self._watch, why)
        self.failure = why


def _accepted(classification: Classification) -> str | None:
    """The label that was accepted: two models number their classes differently."""
    return classification.top[0].label if classification.reason is None else None
