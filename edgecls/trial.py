"""How a model does in its watch: whether it has proved itself, and whether a new one does worse.

A model that takes another's place is on trial for its first frames. What is compared is the share
of frames that it cannot decide, of those that show something that is watched for. Where that is
larger than the old model's was, the scene may be another one as well: then the old model looks
along, and what both say of the same frames decides.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np

from edgecls.domain import Classification, Frame, Outcome, Prediction, Reason, Verdict
from edgecls.errors import DelegateError, ModelError

LENGTH = 300  # frames of a trial; so many prove any model
LEAST_BEFORE = 100  # watched frames of the old model, to be compared with
_LEAST_TRIED = 30  # watched frames of the new one
_REMEMBERED = 1000
_BEYOND_CHANCE = 2.33  # standard errors: once in a hundred trials, if frames were independent


class Share(NamedTuple):
    """Of the frames that showed something that is watched for, those that were ambiguous."""

    watched: int
    ambiguous: int

    @property
    def value(self) -> float:
        """From 0 to 1; 0 where there is none."""
        return self.ambiguous / self.watched if self.watched else 0.0

    def with_one(self, ambiguous: bool | None) -> Share:
        """With one more frame, as `counts` has it."""
        return self if ambiguous is None else Share(self.watched + 1, self.ambiguous + ambiguous)

    def __str__(self) -> str:
        return f"{self.value:.0%} of {self.watched} frames"


UNKNOWN = Share(LEAST_BEFORE, 0)  # by other rules: whatever is ambiguous is reason to look closer


def counts(classification: Classification) -> bool | None:
    """Whether a frame is ambiguous; None where nothing that is watched for was seen. Scores that
    are no numbers decide nothing either."""
    if classification.reason is Reason.INVALID:
        return True
    if classification.verdict is Verdict.REJECTED:
        return None
    return classification.verdict is Verdict.AMBIGUOUS


def is_worse(now: Share, before: Share, band: float) -> bool:
    """Whether the share has risen by more than `band`, and that by more than chance.

    A one-sided test of two shares, each with one more frame of either kind, so that a few frames
    that are all alike prove nothing (Agresti and Caffo).
    """
    if now.watched < _LEAST_TRIED or band >= 1:
        return False
    shares = [(each.ambiguous + 1) / (each.watched + 2) for each in (now, before)]
    error = math.sqrt(
        sum(
            share * (1 - share) / (each.watched + 2)
            for share, each in zip(shares, (now, before), strict=True)
        )
    )
    return shares[0] - shares[1] - band > _BEYOND_CHANCE * error


class Eye(Protocol):
    """Sees a frame as the model sees it. May raise ModelError."""

    def predict(self, frame: Frame) -> Prediction: ...


class Rival(Protocol):
    """The model whose place was taken, as it looks along."""

    inside: str

    @property
    def shares(self) -> tuple[Share, Share] | None:
        """Of the model in force, and its own, on the same frames; None: not enough yet."""
        ...

    def look(self, frame: Frame, outcome: Outcome) -> None: ...


class Standing:
    """Counts the verdicts of one model in one watch. Written by the loop, read by anyone."""

    inside = "the count of a verdict"

    def __init__(
        self,
        baseline: Share | None = None,
        earlier: Share | None = None,
        *,
        may_give_way: bool = False,
    ) -> None:
        """`baseline`: of the model whose place it takes; None: it is not on trial. `earlier`: how
        it did before another one took its place for a while. `may_give_way`: another model is
        good, and can come back."""
        self.may_give_way = may_give_way
        self.failure: str | None = None  # of an invoke
        self.frames = 0  # whose scores were numbers
        self.invalid = 0
        self.baseline, self._earlier = baseline, earlier
        self.rival: Rival | None = None
        self.settled = False  # it has proved itself, or is about to give its place back
        self._last: deque[bool] = deque(maxlen=_REMEMBERED)
        self._ambiguous = 0

    @property
    def share(self) -> Share:
        """Over the last frames that showed something that is watched for."""
        return Share(len(self._last), self._ambiguous)

    @property
    def record(self) -> Share | None:
        """What another model may be compared with, if there is enough."""
        if len(self._last) >= LEAST_BEFORE:
            return self.share
        return self._earlier

    @property
    def on_trial(self) -> bool:
        """It is compared with the model whose place it has taken, and has not passed."""
        return self.baseline is not None

    @property
    def over(self) -> bool:
        """There is enough to settle it by."""
        return self.failure is not None or self.frames + self.invalid >= LENGTH

    def look(self, _: Frame, outcome: Outcome) -> None:
        """Count what a frame came to."""
        if outcome.classification is None:
            return
        if outcome.classification.reason is Reason.INVALID:
            self.invalid += 1
        else:
            self.frames += 1
        ambiguous = counts(outcome.classification)
        if ambiguous is not None:
            if len(self._last) == _REMEMBERED:
                self._ambiguous -= self._last[0]
            self._last.append(ambiguous)
            self._ambiguous += ambiguous

    def judged_anew(self) -> None:
        """From now on frames are judged by other rules: nothing can be compared with before, and a
        trial begins anew."""
        if self.on_trial:
            self.baseline = UNKNOWN
            self.frames = self.invalid = 0
        self._earlier = self.rival = None
        self._last.clear()
        self._ambiguous = 0


class Lenient:
    """The eye of a model that may give way: one that fails when it runs must not end the process,
    for which there would be no other start."""

    def __init__(self, eye: Eye, standing: Standing, classes: int) -> None:
        self._eye, self._standing, self._classes = eye, standing, classes

    def predict(self, frame: Frame) -> Prediction:
        """What the eye says; nothing at all where its model fails, until another one is back.

        Raises ModelError where none comes back."""
        try:
            return self._eye.predict(frame)
        except DelegateError:
            raise
        except ModelError as error:
            if not self._standing.may_give_way:
                raise
            self._standing.failure = str(error)
            return Prediction(np.full(self._classes, np.nan, np.float32), 0.0, 0.0)
