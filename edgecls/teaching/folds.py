"""Cuts the pictures into folds, each of which is held out once."""

from __future__ import annotations

import numpy as np

from edgecls.teaching.sample import Numbers

_FOLDS = 5  # with 10, what 5 pictures per class chose was no better, and on one base worse

NEVER = -1
"""The fold of a picture that cannot be held out, because nothing else shows its class."""


def folds(truths: Numbers, occasions: Numbers) -> Numbers:
    """The fold of each picture (from 0, or NEVER), shape (pictures,).

    Each class has its share in each fold as far as that goes, and the pictures of one occasion are
    in one fold, unless the class has no other. Classes with fewer occasions than folds are in the
    same ones: of two pictures of each, the head that has seen both of one class but only one of the
    other mistakes that one nearly always.
    """
    random = np.random.default_rng(0)
    found = np.full(len(truths), NEVER, np.intp)
    for label in np.unique(truths):
        members = np.flatnonzero(truths == label)
        groups = _groups(members, occasions)
        of_class = np.zeros(_FOLDS, np.intp)
        # The larger ones first, those of one size in any order.
        order = sorted(random.permutation(len(groups)), key=lambda place: -len(groups[place]))
        for group in (groups[place] for place in order) if len(groups) > 1 else ():
            fold = of_class.argmin()  # of equal ones the first, whatever the class
            found[group] = fold
            of_class[fold] += len(group)
    return found


def _groups(members: Numbers, occasions: Numbers) -> list[Numbers]:
    """The pictures of a class by occasion; in parts, as they lie, where there is but one."""
    numbers = occasions[members]
    if (numbers == numbers[0]).all():
        return np.array_split(members, min(_FOLDS, len(members)))
    return [members[numbers == number] for number in np.unique(numbers)]
