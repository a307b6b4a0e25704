"""Fits a head: softmax regression on embeddings, with what suits the pictures chosen by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import ModelError, UsageError
from edgecls.teaching.folds import NEVER, folds
from edgecls.teaching.head import Floats, Head, softmax
from edgecls.teaching.regression import Regression
from edgecls.teaching.sample import Numbers, Sample
from edgecls.teaching.space import Space, space

_PENALTIES = tuple(10 ** (step / 2) for step in range(2, -8, -1))
_TEMPERATURES = tuple(2 ** (step / 4) for step in range(-16, 9))

_SHORTEST = 1e-12  # a length to divide by
_LARGEST = 1e15  # number of an embedding: squares of greater ones do not fit into 32 bits

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head, what was chosen for it, and what heads like it say of pictures they did not see."""

    head: Head
    regularisation: float
    temperature: float
    held_out: Floats
    """(pictures, classes): the scores of each picture by a head that learned from none of its
    occasion, with the regularisation and temperature chosen without it; NaN for the only picture
    of a class."""


def fit(sample: Sample, occasions: Numbers) -> Fitted:
    """The head for all pictures; `occasions` (pictures,) says which are kept together.

    Regularisation and temperature are chosen by stratified cross-validation. Always the same for
    the same sample. Raises UsageError where there are not two classes with pictures, ModelError
    for embeddings that are no numbers, or too large to be squared.
    """
    if len(np.unique(sample.classes)) < 2:
        raise UsageError("a head needs pictures of at least two classes")
    if not np.abs(sample.embeddings).max() <= _LARGEST:  # this way round also refuses NaN
        raise ModelError("the base makes embeddings that are no numbers, or huge ones")
    directions, learner = _prepared(sample)
    trial = _Trial(learner, folds(sample.truths, occasions))
    everything = np.ones(sample.count, bool)
    choice = trial.best(everything)
    *_, (weights, bias) = islice(learner.heads(everything), choice.penalty + 1)
    return Fitted(
        directions.head(weights / choice.temperature, bias / choice.temperature),
        _PENALTIES[choice.penalty],
        choice.temperature,
        trial.held_out(),
    )


def better(fitted: Sequence[Fitted], truths: Numbers, occasions: Numbers) -> tuple[int, Fitted]:
    """The position of what judges the most held-out pictures right, of equal ones the first; and
    this, with the held-out scores of each picture by what would have been chosen without it."""
    right = np.array([each.held_out.argmax(axis=1) == truths for each in fitted])
    scores, fold = fitted[0].held_out.copy(), folds(truths, occasions)
    for number in np.unique(fold[fold != NEVER]):
        out = fold == number
        scores[out] = fitted[right[:, ~out].sum(axis=1).argmax()].held_out[out]
    best = int(right.sum(axis=1).argmax())
    return best, replace(fitted[best], held_out=scores)


def held_out(sample: Sample, occasions: Numbers) -> Floats:
    """`Fitted.held_out` alone, for other occasions."""
    learner = _prepared(sample)[1]
    return _Trial(learner, folds(sample.truths, occasions)).held_out()


def _prepared(sample: Sample) -> tuple[Space, _Learner]:
    levelled = _levelled(sample.embeddings)
    directions = space(levelled)
    own = directions.features(sample.embeddings[sample.own])
    return directions, _Learner(sample, own, directions.features(levelled))


def _levelled(embeddings: Floats) -> Floats:
    """Embeddings of lengths half as unlike, so that the long ones have not the greatest say.

    Up to 2 points better where lengths differ by a third, and never worse; of one length, they were
    worse with five pictures of two classes. What is judged keeps its length: a head is linear.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True).clip(_SHORTEST)
    levelled: Floats = embeddings * np.sqrt(lengths.mean() / lengths)
    return levelled


class _Choice(NamedTuple):
    penalty: int  # position in _PENALTIES
    temperature: float


_UNTRIED = _Choice(_PENALTIES.index(0.01), 0.5)
"""Where no picture can be held out: what pictures like those of the benchmark choose."""


class _Learner:
    """The sample in its space, of which any pictures can be learned."""

    def __init__(self, sample: Sample, own: Floats, levelled: Floats) -> None:
        """Features: of the pictures themselves, row by row, and of all rows to learn from."""
        self.truths = sample.truths
        self.classes = int(self.truths.max()) + 1
        self.own = own[np.argsort(sample.pictures[sample.own])]
        self._features = levelled
        self._pictures = sample.pictures
        self._ones = np.eye(self.classes, dtype=np.float32)[sample.classes]

    def heads(self, pictures: _Mask) -> Iterator[tuple[Floats, Floats]]:
        """Weights and bias on features that these pictures teach, for one penalty after the other.

        Each class has the same weight in all, and each picture in its class.
        """
        rows = pictures[self._pictures]
        classes = np.bincount(self.truths[pictures], minlength=self.classes).clip(1)
        copies = np.bincount(self._pictures)
        weights = (1 / (classes[self.truths] * copies))[self._pictures[rows]]
        weights = (weights / weights.sum()).astype(np.float32)
        return Regression(self._features[rows], self._ones[rows], weights).path(_PENALTIES)


class _Trial:
    """What heads say of the pictures that they did not learn from, at each penalty."""

    def __init__(self, learner: _Learner, fold: Numbers) -> None:
        self._fold = fold
        self._logits = np.full((len(_PENALTIES), len(fold), learner.classes), np.nan, np.float32)
        for number in np.unique(fold[fold != NEVER]):
            out = fold == number
            for place, (weights, bias) in enumerate(learner.heads(~out)):
                self._logits[place, out] = learner.own[out] @ weights + bias
        self._losses = np.array([_losses(at, learner.truths) for at in self._logits])

    def best(self, among: _Mask) -> _Choice:
        """What loses least on these pictures."""
        judged = among & (self._fold != NEVER)
        if not judged.any():
            return _UNTRIED
        losses = self._losses[:, :, judged].sum(axis=2)
        penalty, temperature = np.unravel_index(losses.argmin(), losses.shape)
        return _Choice(int(penalty), _TEMPERATURES[temperature])

    def held_out(self) -> Floats:
        """The scores of each picture with what was chosen without it."""
        scores = np.full(self._logits.shape[1:], np.nan, np.float32)
        for number in np.unique(self._fold[self._fold != NEVER]):
            out = self._fold == number
            choice = self.best(~out)
            scores[out] = softmax(self._logits[choice.penalty, out] / choice.temperature)
        return scores


def _losses(logits: Floats, truths: Numbers) -> Floats:
    """The weighted log loss of each picture at each temperature, (temperatures, pictures).

    That none of ten pictures was wrong does not mean that none of a thousand will be. So of n that
    are right, n + 1 of n + 2 are hoped for (Platt's targets).
    """
    counts = np.bincount(truths)[truths]
    hoped = (len(truths) + 1) / (len(truths) + 2)
    others = (1 - hoped) / (logits.shape[1] - 1)
    losses = []
    for temperature in _TEMPERATURES:
        scaled = logits / np.float32(temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        right = scaled[np.arange(len(truths)), truths]
        losses.append(-(hoped * right + others * (scaled.sum(axis=1) - right)) / counts)
    return np.array(losses, np.float32)
