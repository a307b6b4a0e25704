"""Whether a lesson came to anything: held-out pictures judged better than by guessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgecls.teaching.suspicions import Kind, Suspicion
from edgecls.teaching.validation import Validation

_LOOK = "look whether each picture lies in the right folder, and shows what tells the labels apart"


def guessing(found: Validation) -> Suspicion | None:
    """What is to be said of a head that may as well guess; None of one that does not."""
    right, interval = found.accuracy.value, found.interval
    if right is None or interval is None:
        return None
    by_guessing = right_by_guessing(found.confusion)
    guess = f"guessing, which would have {100 * by_guessing:.0f} % right"
    kind = Kind.USELESS
    if right <= by_guessing:
        sentence = f"no better than {guess}: do not use it; {_LOOK}"
    elif not found.suggestion.covered.part:
        sentence = f"no held-out picture passes the thresholds: do not use it; {_LOOK}"
    elif interval[0] <= by_guessing:
        kind = Kind.GUESSING
        apart = found.occasions == found.judged
        few = "too few pictures" if apart else "pictures of too few occasions"
        sentence = f"{few} to tell it from {guess}: take more before you use it"
    else:
        return None
    figures = {"accuracy": round(right, 4), "by_guessing": round(by_guessing, 4)}
    return Suspicion(kind, found.labels, sentence, figures)


def right_by_guessing(confusion: Sequence[Sequence[int]]) -> float:
    """How often the same answers would be right, had they been dealt out by chance.

    Where one label has most of the pictures, that is far from 1 of so many labels.
    """
    table = np.array(confusion, float)
    return float(table.sum(0) @ table.sum(1) / table.sum() ** 2)
