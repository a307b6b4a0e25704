"""Embeddings made up: a cloud of numbers for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgecls.likeness import LIKENESS_SIZE
from edgecls.teaching.sample import Numbers, Picture, Sample

DIMENSIONS = 40


def blobs(counts: Sequence[int], *, apart: float = 6.0, seed: int = 0) -> Sample:
    """So many pictures of each class, whose clouds are so many of their own sizes apart."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(len(counts), DIMENSIONS)) * apart / np.sqrt(2 * DIMENSIONS)
    classes = np.repeat(np.arange(len(counts)), counts)
    embeddings = centres[classes] + random.normal(size=(len(classes), DIMENSIONS))
    return sample(embeddings.astype(np.float32), classes)


def sample(
    embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]], classes: Numbers
) -> Sample:
    """Pictures without copies."""
    return Sample(embeddings, classes, np.arange(len(classes)), np.ones(len(classes), bool))


def pictures(sample: Sample, *, seed: int = 0) -> list[Picture]:
    """As different as noise is, taken nobody knows when."""
    random = np.random.default_rng(seed)
    return [
        Picture(Path(f"{number}.jpg"), int(label), random.random(LIKENESS_SIZE, np.float32), None)
        for number, label in enumerate(sample.truths)
    ]
