"""How alike two pictures are: what shows near-duplicates among those that are kept.

The limits were measured, as the difference of the third worst cell. Frames of a fixed camera in
which nothing moves, even a minute apart: at most 0.04; the same photo as JPEG of quality 60, or 5
grey levels brighter: 0.02. Different photos, of 720: at least 0.14; a person in the picture and
none: 0.25.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Pixels

Likeness = NDArray[np.float32]
"""A small thumbnail of a picture, shape (LIKENESS_SIZE,): its red cells, then its green and its
blue ones, in 0..1."""

_SIDE = 16
_CELLS = _SIDE * _SIDE
_SAMPLES = 8  # on each side of a cell: enough to average the noise away
LIKENESS_SIZE = 3 * _CELLS

_EVENLY = np.full(LIKENESS_SIZE, 1 / LIKENESS_SIZE, np.float32)
_LIMIT = 0.06  # for the light of the whole picture, and for what is left of each cell without it
_LET_OFF = 2  # cells may differ: a clock in the picture, a leaf


def _sides() -> NDArray[np.float32]:
    """What makes an outline of a likeness, shape (LIKENESS_SIZE, 5)."""
    half = np.where(np.arange(_SIDE) < _SIDE // 2, 1, -1)
    middle = np.where(np.abs(np.arange(_SIDE) * 2 - _SIDE + 1) < _SIDE // 2, 1, -1)
    ones = np.ones(_SIDE, int)
    pairs = ((ones, ones), (ones, half), (half, ones), (half, half), (middle, middle))
    cells = [np.outer(rows, columns).ravel() for rows, columns in pairs]
    return (np.tile(np.array(cells), 3).T / LIKENESS_SIZE).astype(np.float32)


_SIDES = _sides()
# All but a few cells are within the limit, and those few within 1 and the light.
_OUTLINE_LIMITS = np.array([_LIMIT] + [_LIMIT + _LET_OFF * (1 + _LIMIT) / _CELLS] * 4, np.float32)


def likeness(pixels: Pixels) -> Likeness:
    """The thumbnail of an RGB picture uint8 (height, width, 3) of any size."""
    rows, columns = (_sampled(side) for side in pixels.shape[:2])
    samples = pixels.take(rows, axis=0).take(columns, axis=1)
    # Sums of bytes in a narrow type that holds them: half the time of a mean.
    lines = samples.reshape(_SIDE, _SAMPLES, -1).sum(axis=1, dtype=np.uint16)
    cells = lines.reshape(_SIDE, _SIDE, _SAMPLES, 3).sum(axis=2, dtype=np.uint16)
    thumbnail: Likeness = np.moveaxis(cells, 2, 0).ravel() / np.float32(255 * _SAMPLES**2)
    return thumbnail


def near_identical(a: Likeness, b: Likeness) -> bool:
    """Whether nothing but noise, compression or a touch of light tells the two pictures apart."""
    return bool(alike(a, b[None])[0])


def alike(one: Likeness, others: Likeness) -> NDArray[np.bool_]:
    """Which of others (n, LIKENESS_SIZE) are nearly identical to one, shape (n,)."""
    found = np.zeros(len(others), bool)
    # Light and grey never differ by more than the colours do, and tell most pictures apart.
    close = np.flatnonzero(np.abs(others @ _EVENLY - one @ _EVENLY) <= _LIMIT)
    close = close[_close(_grey(others[close]) - _grey(one[None]))]
    found[close] = _close((others[close] - one).reshape(-1, 3, _CELLS))
    return found


def outlines(likenesses: Likeness) -> NDArray[np.float32]:
    """The light of each picture as a whole, and how much more of it lies left, above, in opposite
    quarters and in the middle: (n, LIKENESS_SIZE) -> (n, 5)."""
    outlined: NDArray[np.float32] = likenesses @ _SIDES
    return outlined


def may_be_alike(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """By their outlines, which of others (n, 5) are worth the question, shape (n,)."""
    near: NDArray[np.bool_] = (np.abs(others - one) <= _OUTLINE_LIMITS).all(axis=1)
    return near


class Seen:
    """The likenesses of the last pictures that were new, at most `most` of them."""

    def __init__(self, most: int = 500) -> None:
        self._seen = np.empty((most, LIKENESS_SIZE), np.float32)
        self._count = 0

    def is_new(self, candidate: Likeness) -> bool:
        """Whether nothing like it is remembered; what is new is remembered from now on."""
        if alike(candidate, self._seen[: self._count]).any():
            return False
        self._seen[self._count % len(self._seen)] = candidate
        self._count += 1
        return True


def _close(apart: Likeness) -> NDArray[np.bool_]:
    """Where differences (n, channels, cells) are those of nearly identical pictures, shape (n,)."""
    light = apart.mean(axis=2, keepdims=True)
    cells = np.abs(apart - light).mean(axis=1)
    few = (cells > _LIMIT).sum(axis=1) <= _LET_OFF
    close: NDArray[np.bool_] = few & (np.abs(light).max(axis=(1, 2)) <= _LIMIT)
    return close


def _grey(likenesses: Likeness) -> Likeness:
    """(n, LIKENESS_SIZE) -> (n, 1, cells)."""
    red, green, blue = np.moveaxis(likenesses.reshape(-1, 3, _CELLS), 1, 0)
    grey: Likeness = (red + green + blue)[:, None] / np.float32(3)
    return grey


def _sampled(side: int) -> NDArray[np.intp]:
    """Which rows or columns of so many are looked at."""
    count = _SIDE * _SAMPLES
    return ((np.arange(count) * 2 + 1) * side // (2 * count)).astype(np.intp)
