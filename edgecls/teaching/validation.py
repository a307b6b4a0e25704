"""The truth about a fitted head: what it says of pictures that it did not learn from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.decision.groups import Grouping
from edgecls.decision.judge import Judge
from edgecls.evaluation.answers import answering
from edgecls.evaluation.figures import Figures, Share, figures
from edgecls.settings import WatchSettings
from edgecls.teaching.fit import Fitted, held_out
from edgecls.teaching.head import Floats
from edgecls.teaching.sample import Numbers, Picture, Sample
from edgecls.teaching.suggestion import FEWEST, PRECISIONS, Suggestion, suggest

_BINS = 10  # of scores, for the calibration error
_FEW = 10  # pictures of a label, up to which figures are a hint
_NAMED = 6  # so many labels can be read in a sentence
_NOTABLE = 2.0  # per cent: what neighbours make of a figure


@dataclass(frozen=True, slots=True)
class Mistake:
    """A picture taken for something else by a head that did not learn from it."""

    file: Path
    truth: str
    said: str
    score: float  # of what was said


@dataclass(frozen=True, slots=True)
class Validation:
    """All that held-out pictures say."""

    labels: tuple[str, ...]
    judged: int  # pictures that could be held out
    accuracy: Share  # with the pictures of one occasion kept together
    interval: tuple[float, float] | None  # 95 %, for as many as there are occasions; None of none
    occasions: int  # that the judged pictures are of
    accuracy_by_chance: Share | None  # with the occasions torn apart; None where each is a picture
    fewest: int  # pictures of the label that has the fewest
    once: tuple[str, ...]  # labels whose pictures are all of one occasion, so theirs is torn apart
    figures: Figures  # per label, confusions, coverage/accuracy curve
    confusion: tuple[tuple[int, ...], ...]  # [truth][said]: pictures
    mistakes: tuple[Mistake, ...]  # the surest first
    suggestion: Suggestion
    calibration_error: float  # how far scores are from the share that is right, in the mean

    @property
    def sentences(self) -> tuple[str, ...]:
        """For people: what it comes to, and how sure that is."""
        return tuple(_sentences(self))

    def counted(self, share: Share) -> Share:
        """A share of the judged pictures as one of their occasions: how sure that makes it."""
        return _thinned(share, math.ceil(share.whole * self.occasions / max(self.judged, 1)))


def validate(
    sample: Sample,
    fitted: Fitted,
    pictures: Sequence[Picture],
    labels: Sequence[str],
    occasions: Numbers,
) -> Validation:
    """The figures of the held-out scores of `fitted`, with `occasions` as it was fitted."""
    truths, scores = sample.truths, fitted.held_out
    judged = np.flatnonzero(np.isfinite(scores).all(axis=1))
    right = scores[judged].argmax(axis=1) == truths[judged]
    judge = Judge(labels, WatchSettings(model="taught"))
    grouping = Grouping(labels, {})
    answer = answering(judge)
    answers = [answer(grouping.category_of(truths[number]), scores[number]) for number in judged]
    accuracy = Share(int(right.sum()), len(right))
    kinds = len(np.unique(occasions[judged]))
    margin = WatchSettings(model="taught").decision.min_margin
    return Validation(
        labels=tuple(labels),
        judged=len(right),
        accuracy=accuracy,
        interval=_thinned(accuracy, kinds).interval,
        occasions=kinds,
        accuracy_by_chance=_by_chance(sample, occasions),
        fewest=int(np.bincount(truths, minlength=len(labels)).min()),
        once=_once(labels, truths, occasions),
        figures=figures(answers, judge, margin),
        confusion=_confusion(scores[judged], truths[judged], len(labels)),
        mistakes=_mistakes(scores, truths, judged, pictures, labels),
        suggestion=suggest(answers, judge, grouping.nothing, occasions[judged]),
        calibration_error=calibration_error(scores[judged], right),
    )


def calibration_error(scores: Floats, right: NDArray[np.bool_]) -> float:
    """The mean distance between the best score and the share that is right, in ten bins of it."""
    if not len(scores):
        return 0.0
    best = scores.max(axis=1).astype(np.float64)
    bins = (best * _BINS).astype(np.intp).clip(0, _BINS - 1)
    apart = np.bincount(bins, best - right, minlength=_BINS)
    return float(np.abs(apart).sum() / len(best))


def _thinned(share: Share, count: int) -> Share:
    """The same share of fewer: pictures of one occasion are right or wrong together."""
    return Share(round(share.part * count / max(share.whole, 1)), count)


def _by_chance(sample: Sample, occasions: Numbers) -> Share | None:
    if len(np.unique(occasions)) == len(occasions):
        return None
    scores = held_out(sample, np.arange(len(occasions)))
    judged = np.isfinite(scores).all(axis=1)
    right = scores[judged].argmax(axis=1) == sample.truths[judged]
    return Share(int(right.sum()), len(right))


def _once(labels: Sequence[str], truths: Numbers, occasions: Numbers) -> tuple[str, ...]:
    return tuple(
        label
        for place, label in enumerate(labels)
        if (truths == place).sum() > 1 and len(np.unique(occasions[truths == place])) == 1
    )


def _confusion(scores: Floats, truths: Numbers, count: int) -> tuple[tuple[int, ...], ...]:
    table = np.zeros((count, count), np.intp)
    np.add.at(table, (truths, scores.argmax(axis=1)), 1)
    return tuple(tuple(row) for row in table.tolist())


def _mistakes(
    scores: Floats,
    truths: Numbers,
    judged: Numbers,
    pictures: Sequence[Picture],
    labels: Sequence[str],
) -> tuple[Mistake, ...]:
    found = []
    for number in judged.tolist():
        said = int(scores[number].argmax())
        if said != truths[number]:
            told = (labels[truths[number]], labels[said], float(scores[number, said]))
            found.append(Mistake(pictures[number].file, *told))
    return tuple(sorted(found, key=lambda mistake: -mistake.score))


def _sentences(found: Validation) -> Iterator[str]:
    yield f"of held-out pictures {_told(found.accuracy, found.interval)} are right"
    chance = found.accuracy_by_chance
    if chance is not None and len(found.once) < len(found.labels):
        torn, kept = 100 * (chance.value or 0.0), 100 * (found.accuracy.value or 0.0)
        if torn - kept >= _NOTABLE:
            yield (
                f"by chance {torn:.0f} %, with pictures of one occasion kept together "
                f"{kept:.0f} %: only the second can be counted on"
            )
        else:
            yield f"the pictures of each of {found.occasions} occasions were kept together"
    if found.once:
        yield (
            f"all pictures of {_listed(found.once)} were taken on one occasion: until there are "
            "some of other times, the figures are better than the model"
        )
    if found.fewest < _FEW and found.interval is not None:
        low, high = found.interval
        yield (
            f"there are labels with only {found.fewest} pictures, so this is a first hint: of 100 "
            f"new pictures {100 * low:.0f} to {100 * high:.0f} may be right; 20 of each tell more"
        )
    yield from _of_thresholds(found)


def _of_thresholds(found: Validation) -> Iterator[str]:
    suggested = found.suggestion
    at = f"min_score {suggested.min_score:g} and min_margin {suggested.min_margin:g}"
    if suggested.precision is None and suggested.right.whole < FEWEST:
        at = f"the pictures are too few to choose thresholds by; with the usual {at}"
    elif suggested.precision is None:
        least = f"{100 * PRECISIONS[-1]:.0f} %"
        at = f"no thresholds keep {least} of what passes right; with the usual {at}"
    shown = "" if suggested.false_alarms is None else " of something"
    yield (
        f"{at}: {_told(suggested.covered, found.counted(suggested.covered).interval)} of held-out "
        f"pictures{shown} pass; of what passes "
        f"{_told(suggested.right, found.counted(suggested.right).interval)} are right"
    )
    if suggested.false_alarms is not None:
        told = _told(suggested.false_alarms, found.counted(suggested.false_alarms).interval)
        yield f"of pictures of nothing {told} pass as something"


def _listed(labels: Sequence[str]) -> str:
    named = [repr(label) for label in labels[:_NAMED]]
    more = len(labels) - _NAMED
    return " and ".join([*named, f"{more} labels more"] if more > 0 else named)


def _told(share: Share, interval: tuple[float, float] | None = None) -> str:
    """Such as "18 of 20 (90 %; 70 to 97)"."""
    if share.value is None:
        return "0 of 0"
    low, high = interval or share.interval or (0.0, 1.0)
    return (
        f"{share.part} of {share.whole} ({100 * share.value:.0f} %; "
        f"{100 * low:.0f} to {100 * high:.0f})"
    )
