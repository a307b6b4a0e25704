"""The last layer of a taught model: from an embedding to one score per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """scores = softmax(weights @ embedding + bias); standardisation and temperature are in them."""

    weights: Floats  # (classes, dimensions)
    bias: Floats  # (classes,)

    def scores(self, embeddings: Floats) -> Floats:
        """Embeddings (n, dimensions) -> scores (n, classes); each row adds up to 1."""
        return softmax(embeddings @ self.weights.T + self.bias)


def softmax(logits: Floats) -> Floats:
    """Each row of logits (n, classes) as scores that add up to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores: Floats = powers / powers.sum(axis=1, keepdims=True)
    return scores
