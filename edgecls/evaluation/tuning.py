"""Finds the temperature, min_score and min_margin that reach a wanted precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecls.decision.judge import Judge
from edgecls.domain import Scores
from edgecls.evaluation.answers import answering
from edgecls.evaluation.figures import Share
from edgecls.settings import DEFAULT_MIN_SCORE, DecisionSettings
from edgecls.vision.activation import Decoder

# 1 comes first: of settings that are equally good the first one wins. Finer steps would fit noise:
# of 720 photos, neighbours of these differ by two or three.
TEMPERATURES = (1.0, 0.7, 1.4, 0.5, 2.0)
_MARGINS = tuple(step / 10 for step in range(1, 10))  # quantiles of all margins
_FOLDS, _ROUNDS = 10, 3
_HUNDREDTH = 0.01  # of a score: no threshold lies further below the least accepted one
_STEP = 0.0025  # by which the precision that is asked of the pictures tuned on is raised
_FEWEST = 20  # accepted pictures from which a share can be told
_GAIN = 0.05  # of the pictures: for less, the present thresholds stay

Sighting = NDArray[np.float64]
"""One picture at each temperature: score, margin, whether right, whether it may be accepted."""

_Mask = NDArray[np.bool_]


def sighting(judge: Judge, decoder: Decoder) -> Callable[[int, Scores], Sighting]:
    """What turns the truth and the untempered scores of a picture into a sighting."""
    answer = answering(judge)

    def seen(truth: int, scores: Scores) -> Sighting:
        answers = [answer(truth, decoder.tempered(scores, t)) for t in TEMPERATURES]
        return np.array([(a.score, a.margin, a.right, a.may_be_accepted) for a in answers])

    return seen


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be set."""

    temperature: float
    min_score: float
    min_margin: float


USUAL = Setting(1.0, DEFAULT_MIN_SCORE, DecisionSettings().min_margin)


def lowest_score(categories: int) -> float:
    """The least `min_score` that is proposed: twice what each of so many would get by chance.

    `leave_score` is half of it, and what goes on at the score of chance would never end a state.
    Never above the usual one.
    """
    return min(math.ceil(200 / categories) / 100, USUAL.min_score)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A setting and what it comes to."""

    setting: Setting
    covered: Share  # of all pictures
    right: Share  # of those covered
    held_out_covered: Share  # with each picture judged by a setting that was tuned on others
    held_out_right: Share
    hindsight: Share | None = None  # covered at this precision, had one known the pictures
    reached: bool = False


def tune(
    sightings: Sequence[Sighting],
    precision: float,
    *,
    sure: bool = False,
    present: Setting = USUAL,
    lowest: float = _HUNDREDTH,
) -> Tuned | None:
    """The setting that reaches the precision with the most coverage; else the most precise one.

    `sure`: the lower end of the held-out interval must reach it. Of settings that are equally good
    it is the one nearest to the `present` one, which itself stays where it reaches the precision
    with nearly the coverage; its `min_score` is never below `lowest`. None where the pictures are
    too few to say anything.
    """
    pictures = _Pictures(np.array(sightings), present, lowest)
    fewest = max(_FEWEST, math.ceil(1 / max(1 - precision, 0.01)))  # so many for a single mistake
    hindsight = pictures.hindsight(precision, fewest)
    tried: list[Tuned] = []
    # A setting keeps a little less elsewhere than it promises of the pictures it was chosen on. So
    # the promise is raised until pictures that had no part in the choice bear out what is wanted.
    for raised in np.arange(precision, 1 + _STEP, _STEP):
        found = _tuned(pictures, min(float(raised), 1.0), fewest)
        if found is None:
            break
        tried.append(replace(found, hindsight=hindsight))
        right = found.held_out_right
        borne_out = right.interval[0] if sure and right.interval else right.value
        if borne_out is not None and borne_out >= precision:
            return replace(tried[-1], reached=True)
    if tried:
        return max(tried, key=lambda found: found.held_out_right.value or 0.0)
    lowered = (_tuned(pictures, target, _FEWEST) for target in np.arange(precision, 0, -_STEP))
    return next((found for found in lowered if found is not None), None)


def _tuned(pictures: _Pictures, target: float, fewest: int) -> Tuned | None:
    everything = np.ones(pictures.count, bool)
    setting = pictures.most_covering(everything, target, fewest)
    if setting is None:
        return None
    held_out = _held_out(pictures, target, fewest)
    return Tuned(setting, *pictures.shares(setting, everything), *held_out)


def _held_out(pictures: _Pictures, target: float, fewest: int) -> tuple[Share, Share]:
    """Coverage and precision where each picture is judged by a setting tuned on others."""
    random = np.random.default_rng(0)
    covered = right = 0
    for _ in range(_ROUNDS):
        fold = random.permutation(pictures.count) % _FOLDS
        for left_out in range(_FOLDS):
            chosen = pictures.most_covering(
                fold != left_out, target, fewest * (_FOLDS - 1) // _FOLDS
            )
            if chosen is not None:
                passed, correct = pictures.shares(chosen, fold == left_out)
                covered += passed.part
                right += correct.part
    # The rounds see the same pictures again: a steadier estimate, not a larger sample.
    accepted = round(covered / _ROUNDS)
    return Share(accepted, pictures.count), Share(min(accepted, round(right / _ROUNDS)), accepted)


class _Pictures:
    """All sightings, by temperature, with the best score first."""

    def __init__(self, sightings: NDArray[np.float64], present: Setting, lowest: float) -> None:
        self.count = len(sightings)
        self._lowest = lowest
        self._present = replace(present, min_score=max(present.min_score, lowest))
        self._score, self._margin, right, may_be = np.moveaxis(sightings, (2, 1), (0, 1))
        self._right = right.astype(bool)
        self._open = may_be.astype(bool) & (self._score >= lowest)
        self._order = [
            np.argsort(-score, kind="stable")[: int(opened.sum())]
            for score, opened in zip(np.where(self._open, self._score, -1), self._open, strict=True)
        ]
        self._margins = [
            sorted(
                {present.min_margin, *_cuts(margin[opened])},
                key=lambda cut: abs(cut - present.min_margin),
            )
            for margin, opened in zip(self._margin, self._open, strict=True)
        ]

    def most_covering(self, among: _Mask, target: float, fewest: int) -> Setting | None:
        """The setting that accepts the most of these pictures and has `target` of them right; the
        present one where that accepts nearly as many."""
        count, best = self._best(among, target, fewest)
        passed, right = self.shares(self._present, among)
        enough = max(fewest, count - _GAIN * passed.whole)
        stays = passed.part >= enough and right.part >= target * right.whole - 1e-9
        return self._present if stays else best

    def hindsight(self, target: float, fewest: int) -> Share:
        """How many could be accepted by who knows them all."""
        return Share(self._best(np.ones(self.count, bool), target, fewest)[0], self.count)

    def _best(self, among: _Mask, target: float, fewest: int) -> tuple[int, Setting | None]:
        most, best = fewest - 1, None
        for place, temperature in enumerate(TEMPERATURES):
            order = self._order[place]
            order = order[among[order]]
            scores, margins = self._score[place][order], self._margin[place][order]
            right = self._right[place][order]
            for min_margin in self._margins[place]:
                wide = margins >= min_margin
                count, (below, at) = _longest(scores[wide], right[wide], target)
                if count > most:
                    score = self._nearest(below, at)
                    most, best = count, Setting(temperature, score, min_margin)
        return (0 if best is None else most), best

    def _nearest(self, below: float, at: float) -> float:
        """The present threshold where it lies between two scores, else a short number there."""
        if below < self._present.min_score <= at:
            return self._present.min_score
        return max(_short(max(below, at - _HUNDREDTH), at), self._lowest)

    def shares(self, setting: Setting, among: _Mask) -> tuple[Share, Share]:
        """How many of these pictures it accepts, and how many of those are right."""
        place = TEMPERATURES.index(setting.temperature)
        accepted = among & self._open[place] & (self._score[place] >= setting.min_score)
        accepted &= self._margin[place] >= setting.min_margin
        count = int(accepted.sum())
        right = int((accepted & self._right[place]).sum())
        return Share(count, int(among.sum())), Share(right, count)


def _longest(
    scores: NDArray[np.float64], right: NDArray[np.bool_], target: float
) -> tuple[int, tuple[float, float]]:
    """How many of the pictures, best score first, can be accepted; above which score, and from
    which one on, the least score for it lies."""
    counts = np.arange(1, len(scores) + 1)
    enough = np.cumsum(right) >= target * counts - 1e-9
    enough[:-1] &= scores[1:] != scores[:-1]  # no threshold tells equal scores apart
    ends = np.flatnonzero(enough)
    if not len(ends):
        return 0, (1.0, 1.0)
    last = int(ends[-1])
    below = float(scores[last + 1]) if last + 1 < len(scores) else -math.inf
    return last + 1, (below, float(scores[last]))


def _cuts(margins: NDArray[np.float64]) -> list[float]:
    """Least margins to try, from none upwards."""
    if not len(margins):
        return [0.0]
    found = [0.0]
    for cut in np.quantile(margins, _MARGINS, method="higher"):
        below = margins[margins < cut]
        found.append(_short(float(below.max()) if len(below) else -math.inf, float(cut)))
    return sorted(set(found))


def _short(below: float, at: float) -> float:
    """The number with the fewest decimals that is above one and not above the other."""
    for digits in range(9):
        scale: int = 10**digits
        number: float = math.floor(at * scale) / scale
        if below < number <= at:
            return number
    return at
