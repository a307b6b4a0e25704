"""Thresholds for a taught model, by what they come to on pictures it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgecls.decision.judge import Judge
from edgecls.evaluation.answers import Answer
from edgecls.evaluation.figures import AtThresholds, Share, Thresholds
from edgecls.settings import DecisionSettings
from edgecls.teaching.sample import Numbers

PRECISIONS = (0.95, 0.9, 0.8)
"""What is aimed at, one after the other: so much of what passes is to be right."""

FEWEST = 20
"""Accepted pictures, from which on a precision can be told."""

_BORNE_OUT = 0.02  # so much less is as good, on pictures that had no part in the choice
_LEAST_COVERED = 0.5  # of the pictures: what hardly ever passes is no use, however right
_GAIN = 0.05  # of the pictures: for less, the usual thresholds stay
_FOLDS = 5
# Below a half, what is none of the classes would pass as one of them.
_SCORES = tuple(round(step / 20, 2) for step in range(10, 20))
_MARGINS = tuple(round(step / 10, 1) for step in range(1, 8))

_Pair = tuple[float, float]  # min_score, min_margin


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Thresholds, and what they come to on held-out pictures that had no part in choosing them."""

    min_score: float
    min_margin: float
    precision: float | None  # that was aimed at and reached; None: these are the usual thresholds
    covered: Share  # accepted, of all pictures that show something (not of `none`)
    right: Share  # of all accepted, which are what they were said to be
    false_alarms: Share | None  # of the pictures of `none`, accepted as something; None without it

    @property
    def learned(self) -> bool:
        """Whether the pictures had a say in them."""
        return self.precision is not None


def suggest(
    answers: Sequence[Answer], judge: Judge, nothing: int | None, occasions: Numbers
) -> Suggestion:
    """The thresholds that let the most pass of what is right often enough.

    `occasions` (answers,): those of one occasion are kept together. `nothing` is the position of
    the category that means so: it is never accepted, but a picture of nothing may be accepted as
    something. Where the pictures are too few, or too often mistaken, the usual thresholds.
    """
    usual = (DecisionSettings().least_score, DecisionSettings().min_margin)
    fold = np.unique(occasions, return_inverse=True)[1] % _FOLDS
    for precision in PRECISIONS:
        chosen = _best(answers, judge, precision, usual)
        if chosen is None:
            continue
        folds = []
        for place in range(_FOLDS):
            own, others = (
                [answers[number] for number in np.flatnonzero(of).tolist()]
                for of in (fold == place, fold != place)
            )
            folds.append((own, _best(others, judge, precision, usual) or chosen))
        found = _told(chosen, precision, folds, judge, nothing)
        if (found.right.value or 0.0) >= precision - _BORNE_OUT:
            return found
    return _told(usual, None, [(answers, usual)], judge, nothing)


def _best(answers: Sequence[Answer], judge: Judge, precision: float, usual: _Pair) -> _Pair | None:
    """What covers the most at this precision; the usual ones where they are nearly as good."""
    thresholds = Thresholds(answers, judge)
    tried = [thresholds.at(score, margin) for margin in _MARGINS for score in _SCORES]
    ever = thresholds.at(0.0, 0.0).covered.part
    reached = [at for at in tried if _reaches(at, precision, _LEAST_COVERED * ever)]
    if not reached:
        return None
    best = max(reached, key=lambda at: (at.covered.part, -at.min_margin, -at.min_score))
    now = thresholds.at(*usual)
    if _reaches(now, precision, best.covered.part - _GAIN * len(answers)):
        best = now
    return best.min_score, best.min_margin


def _reaches(at: AtThresholds, precision: float, covered: float) -> bool:
    right = at.right
    return right.whole >= max(FEWEST, covered) and right.part >= precision * right.whole


def _told(
    pair: _Pair,
    precision: float | None,
    folds: Sequence[tuple[Sequence[Answer], _Pair]],
    judge: Judge,
    nothing: int | None,
) -> Suggestion:
    """A pair with what the pairs of the folds come to on their own answers."""
    accepted = right = alarms = empty = everything = 0
    for answers, at in folds:
        shown = [answer for answer in answers if answer.truth == nothing]
        passed = Thresholds(answers, judge).at(*at).right
        accepted += passed.whole
        right += passed.part
        alarms += Thresholds(shown, judge).at(*at).right.whole
        empty += len(shown)
        everything += len(answers)
    covered = Share(accepted - alarms, everything - empty)
    false_alarms = None if nothing is None else Share(alarms, empty)
    return Suggestion(*pair, precision, covered, Share(right, accepted), false_alarms)
