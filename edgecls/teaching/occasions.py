"""Which pictures belong together: taken at one time, or nearly identical."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from edgecls.likeness import alike, may_be_alike, outlines
from edgecls.teaching.sample import Numbers, Picture

_GAP_S = 10.0  # with less between them, two pictures show the same moment
_LASTS_S = 60.0  # pictures taken every few seconds all day are many occasions, not one
# What a camera sees again after that, nearly identical, it will see again when the model is in use.
_AGAIN_S = 600.0


def occasions(pictures: Sequence[Picture]) -> Numbers:
    """The number of the occasion of each picture, shape (pictures,); one has a single label.

    Those of one occasion are never judged by a head that learned from another of them: it would
    only have to remember.
    """
    numbers = np.arange(len(pictures))
    for members in _by_label(pictures):
        for one, other in _together(pictures, members):
            numbers[numbers == numbers[other]] = numbers[one]
    return np.unique(numbers, return_inverse=True)[1].astype(np.intp)


def originals(pictures: Sequence[Picture], members: Numbers) -> Numbers:
    """For each of these pictures the first one that it is nearly identical to, maybe itself."""
    likenesses = np.array([pictures[number].likeness for number in members])
    outlined, found = outlines(likenesses), members.copy()
    firsts: list[int] = []
    for place, candidate in enumerate(likenesses):
        near = np.flatnonzero(may_be_alike(outlined[place], outlined[firsts]))
        near = np.array(firsts, np.intp)[near]
        same = near[alike(candidate, likenesses[near])]
        if len(same):
            found[place] = members[same[0]]
        else:
            firsts.append(place)
    return found


def _by_label(pictures: Sequence[Picture]) -> Iterator[Numbers]:
    labels = np.array([picture.label for picture in pictures])
    for label in np.unique(labels):
        yield np.flatnonzero(labels == label)


def _together(pictures: Sequence[Picture], members: Numbers) -> Iterator[tuple[int, int]]:
    """Pairs of one occasion; who is not in one with another need not be mentioned."""
    for number, first in zip(members.tolist(), originals(pictures, members).tolist(), strict=True):
        one_s, other_s = pictures[first].taken_s, pictures[number].taken_s
        if one_s is None or other_s is None or abs(other_s - one_s) <= _AGAIN_S:
            yield first, number
    timed = [(taken_s, n) for n in members.tolist() if (taken_s := pictures[n].taken_s) is not None]
    timed.sort()
    began_s = timed[0][0] if timed else 0.0
    for (before_s, before), (taken_s, number) in pairwise(timed):
        if taken_s - before_s <= _GAP_S and taken_s - began_s <= _LASTS_S:
            yield before, number
        else:
            began_s = taken_s
