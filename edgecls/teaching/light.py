"""Labels that the light alone tells apart: then the model may learn the light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgecls.likeness import Likeness

# Of the 190 pairs of 20 groups of photos none comes near in brightness. Colour is often what the
# thing is (boats are blue, food is not), so it counts only where both labels show the same place.
_PAIRS = 0.9  # of pictures, one of each label, in which the same label has more
_DIFFERENCE = 0.06  # of the medians; less is what a cloud does
_SAME_PLACE = 0.7  # correlation of what the labels show on the average
_FLAT = 1e-3  # spread of the cells of an empty picture, which shows no place
_CHANCE = 4.0  # square of the standard errors that one pair of labels must lie off chance


@dataclass(frozen=True, slots=True)
class Light:
    """Two labels, by position, and what their light differs in."""

    more: int
    less: int
    what: str  # "brighter" or "redder"
    pairs: float  # of pictures, one of each label, in which `more` has more; 0..1
    difference: float  # of the medians, in 0..1


_Values = NDArray[np.float32]


def lights(likenesses: Sequence[Likeness]) -> list[Light]:
    """What is suspected of the pictures (pictures, LIKENESS_SIZE) of each label, worst first."""
    colours = [likeness.reshape(len(likeness), 3, -1) for likeness in likenesses]
    brightness = [colour.mean(axis=(1, 2)) for colour in colours]
    redness = [colour[:, 0].mean(axis=1) - colour[:, 2].mean(axis=1) for colour in colours]
    tests = len(colours) * (len(colours) - 1)  # two for each pair of labels
    found = []
    for one, other in combinations(range(len(colours)), 2):
        if not len(colours[one]) or not len(colours[other]):
            continue
        candidates = [_compared(one, other, "brighter", brightness, tests)]
        redder = _compared(one, other, "redder", redness, tests)
        if redder is not None and _same_place(colours[one], colours[other]):
            candidates.append(redder)
        worst = max((c for c in candidates if c), key=lambda light: light.pairs, default=None)
        if worst is not None:
            found.append(worst)
    return sorted(found, key=lambda light: -light.pairs)


def _compared(
    one: int, other: int, what: str, values: Sequence[_Values], tests: int
) -> Light | None:
    difference = float(np.median(values[one]) - np.median(values[other]))
    if difference < 0:
        one, other, difference = other, one, -difference
    pairs = _pairs(values[one], values[other])
    n, m = len(values[one]), len(values[other])
    # Of so many tests one would be off by this many standard errors by chance (Mann and Whitney).
    off = (pairs - 0.5) / math.sqrt((n + m + 1) / (12 * n * m))
    if pairs < _PAIRS or difference < _DIFFERENCE or off**2 < 2 * math.log(tests) + _CHANCE:
        return None
    return Light(one, other, what, pairs, difference)


def _pairs(ones: _Values, others: _Values) -> float:
    """The share of pairs in which the one has more than the other."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, ones, "left") + np.searchsorted(ordered, ones, "right")
    return float(below.mean() / (2 * len(others)))


def _same_place(ones: Likeness, others: Likeness) -> bool:
    grey = [pictures.mean(axis=(0, 1)) for pictures in (ones, others)]
    if min(shown.std() for shown in grey) < _FLAT:
        return False
    return bool(np.corrcoef(*grey)[0, 1] >= _SAME_PLACE)
