"""Labels as they may stand in a topic."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

_RUN = re.compile(r"[^a-z0-9]+")


def slugs(
    labels: Sequence[str],
    indices: Sequence[int] | None = None,
    reserved: Collection[str] = (),
) -> tuple[str, ...]:
    """One slug per label, all different, none of them in `reserved`.

    Lower case, every run outside a-z and 0-9 becomes one `_`, also at the ends: the rule is as
    short as it can be, so that a consumer who applies it gets the same. A slug without a letter or
    digit becomes `label_<index>`. Of labels that clash, every one gets its index as suffix, so that
    none depends on the order of the others; `indices` must differ and default to the positions.
    """
    numbers = range(len(labels)) if indices is None else indices
    result = [_RUN.sub("_", label.lower()) for label in labels]
    # What ends in its own index can only clash with what does not: every pass leaves fewer of those
    # and the loop ends.
    numbered = [not slug.strip("_") for slug in result]
    for position, number in enumerate(numbers):
        if numbered[position]:
            result[position] = f"label_{number}"
    clashing = True
    while clashing:
        times = Counter(result)
        clashing = False
        for position, number in enumerate(numbers):
            slug = result[position]
            alone = times[slug] == 1 or numbered[position]
            if slug in reserved or not alone:
                result[position] = f"{slug}_{number}"
                numbered[position] = clashing = True
    return tuple(result)
