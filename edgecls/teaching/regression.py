"""Softmax regression with a penalty on the weights, for one penalty after the other.

Along the axes in which the features do not vary together, the curvature of the loss is at most half
of their variance, whatever the weights (Böhning's bound). So fixed steps, one length for each axis,
always go down, and Nesterov's momentum makes them few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from edgecls.teaching.head import Floats, softmax

_ENOUGH = 1e-3  # length of the gradient, in steps; the loss is then within its square
_MOST = 200  # steps for one penalty


class Regression:
    """The rows to learn from, turned so that their features vary independently of each other."""

    def __init__(self, features: Floats, truths: Floats, weights: Floats) -> None:
        """Features (rows, n), truths (rows, classes) with a one in each, weights (rows,) that add
        up to 1."""
        self._mean = weights @ features
        centred = features - self._mean
        variances, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
        self._axes = axes.astype(np.float32)
        self._curvature = variances.astype(np.float32).clip(0)[:, None] / 2
        self._features: Floats = centred @ self._axes
        self._weights = weights[:, None]
        self._truths = truths

    def path(self, penalties: Sequence[float]) -> Iterator[tuple[Floats, Floats]]:
        """For each penalty, best the greatest first, weights (n, classes) and bias (classes,)."""
        slopes: Floats = np.zeros((self._features.shape[1], self._truths.shape[1]), np.float32)
        bias: Floats = np.zeros(self._truths.shape[1], np.float32)
        for penalty in penalties:
            slopes, bias = self._minimum(slopes, bias, np.float32(penalty))
            turned = self._axes @ slopes
            yield turned, bias - self._mean @ turned

    def _minimum(self, slopes: Floats, bias: Floats, penalty: np.float32) -> tuple[Floats, Floats]:
        """Where the loss is least, from these slopes and bias on."""
        steps: Floats = np.reciprocal(self._curvature + penalty)
        ahead, bias_ahead, momentum = slopes, bias, 1.0
        for _ in range(_MOST):
            down, bias_down = self._gradient(ahead, bias_ahead, penalty)
            next_slopes: Floats = ahead - steps * down
            next_bias: Floats = bias_ahead - bias_down - bias_down
            length = math.sqrt(float((steps * down**2).sum() + 2 * (bias_down**2).sum()))
            moved = next_slopes - slopes
            if ((ahead - next_slopes) * moved).sum() > 0:
                momentum = 1.0  # it went past the lowest point
            after = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
            further = np.float32((momentum - 1) / after)
            ahead, bias_ahead = (
                next_slopes + further * moved,
                next_bias + further * (next_bias - bias),
            )
            slopes, bias, momentum = next_slopes, next_bias, after
            if length < _ENOUGH:
                break
        return slopes, bias

    def _gradient(self, slopes: Floats, bias: Floats, penalty: np.float32) -> tuple[Floats, Floats]:
        """Of the weighted log loss with half the penalty on the squares of the slopes."""
        wrong = (softmax(self._features @ slopes + bias) - self._truths) * self._weights
        return self._features.T @ wrong + penalty * slopes, wrong.sum(axis=0)
