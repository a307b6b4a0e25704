"""The few directions of the embeddings in which the pictures differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecls.teaching.head import Floats, Head

_MOST = 128  # directions: with more of them no task of the benchmark came out better
_SPARE = 32  # so many more are followed, for the last ones to come out well
_ROUNDS = 4
_NEGLIGIBLE = 1e-6  # of the variance in the first direction
_LEAST_SPREAD = 0.1  # of the mean one: what hardly varies must not be blown up
# Of the length of the embeddings: noise of one grey level comes to more, rounding errors to less.
# Blown up, they would be learned, and 32 bits would not do for the weights.
_LEAST_SIZE = 1e-3
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Space:
    """features = embeddings @ axes - origin; of the pictures their mean is 0, their mean square 1,
    and less where the pictures hardly differ.

    Labels have no part in it, so that pictures which are held out may have.
    """

    axes: Floats  # (dimensions, n)
    origin: Floats  # (n,)

    def features(self, embeddings: Floats) -> Floats:
        """Embeddings (rows, dimensions) -> features (rows, n)."""
        features: Floats = embeddings @ self.axes - self.origin
        return features

    def head(self, weights: Floats, bias: Floats) -> Head:
        """What weights (n, classes) and bias (classes,) on features are on embeddings."""
        on_embeddings = np.ascontiguousarray((self.axes @ weights).T, np.float32)
        return Head(on_embeddings, (bias - self.origin @ weights).astype(np.float32))


def space(embeddings: Floats) -> Space:
    """The space of embeddings (rows, dimensions).

    Each number is divided by the root of its spread: halfway between as they are and all alike.
    Of 5 to 60 pictures per class that was never worse than either.
    """
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0)
    scale = 1 / np.sqrt(spread + _LEAST_SPREAD * spread.mean() + np.float32(_NOTHING))
    centred = (embeddings - mean) * scale
    size = np.sqrt(np.vdot(centred, centred) / len(centred))
    least = _LEAST_SIZE * np.linalg.norm(mean * scale)
    axes = scale[:, None] * _directions(centred) / max(float(size), float(least), _NOTHING)
    return Space(axes, mean @ axes)


def _directions(centred: Floats) -> Floats:
    """The directions (dimensions, n) of the most variance in rows (rows, dimensions)."""
    rows, dimensions = centred.shape
    few = rows <= dimensions
    products = centred @ centred.T if few else centred.T @ centred
    squares, vectors = _leading(products.astype(np.float64))
    kept = np.flatnonzero(squares > max(squares[-1] * _NEGLIGIBLE, _NOTHING))[-_MOST:]
    if not few:
        return vectors[:, kept].astype(np.float32)
    found: Floats = centred.T @ (vectors[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return found


_Doubles = NDArray[np.float64]


def _leading(products: _Doubles) -> tuple[_Doubles, _Doubles]:
    """The largest eigenvalues of a symmetric matrix, ascending, and their vectors (n, _)."""
    followed = _MOST + _SPARE
    if len(products) <= 2 * followed:
        values, vectors = np.linalg.eigh(products)
        return values, vectors
    # A tenth of the time of all of them. Always the same start: the same pictures, the same head.
    basis = np.random.default_rng(0).normal(size=(len(products), followed))
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(products @ basis)[0]
    values, turned = np.linalg.eigh(basis.T @ products @ basis)
    return values, basis @ turned
