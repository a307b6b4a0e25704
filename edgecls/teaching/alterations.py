"""Light augmentation: the same picture as it might also have been taken.

Only where pictures are few. A base that was trained well has seen mirror images, other light and
other sizes itself: with 5 pictures of each label these copies are worth 0.6 to 0.9 points (20
draws, 3 tasks), from 10 on nothing; changing the light never was. Each costs a run of the base.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgecls.domain import Pixels
from edgecls.pixels import resized

Alteration = Callable[[Pixels], Pixels]

_FEW = 8  # pictures of a label, in the mean
_BORDER = 0.075  # of each side that a centre leaves away


def alterations_for(pictures: int, labels: int) -> tuple[Alteration, ...]:
    """What copies to make of each of so many pictures of so many labels."""
    return (mirrored, centred) if pictures <= _FEW * labels else ()


def mirrored(pixels: Pixels) -> Pixels:
    """Left and right swapped."""
    return np.ascontiguousarray(pixels[:, ::-1])


def centred(pixels: Pixels) -> Pixels:
    """The centre, a little nearer."""
    height, width = pixels.shape[:2]
    down, right = round(height * _BORDER), round(width * _BORDER)
    centre = np.ascontiguousarray(pixels[down : height - down, right : width - right])
    return resized(centre, width, height)
