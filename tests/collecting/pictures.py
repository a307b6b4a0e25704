"""Pictures to be kept: photos, and what a model of 96 pixels sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from edgecls.collecting.picture import Picture
from edgecls.delivery.jpeg import encode
from edgecls.domain import Pixels
from edgecls.pictures import read_picture
from edgecls.pixels import resized
from tests.media import photo_like

JPEG = partial(encode, limit_bytes=2_000_000)
NOON = 1763726400.0  # 2025-11-21 12:00:00 UTC


def picture(pixels: Pixels, ts: float = NOON) -> Picture:
    """One that was taken then."""
    return Picture(ts, pixels, resized(pixels, 96, 96))


def scene(seed: int, width: int = 320, height: int = 240) -> Picture:
    """Another scene for each seed, a second after the one before."""
    return picture(photo_like(width, height, seed), NOON + seed)


def noisy(pixels: Pixels, seed: int) -> Pixels:
    """The same scene, as a sensor sees it the next time."""
    noise = np.random.default_rng(seed).integers(-4, 5, pixels.shape)
    result: Pixels = (pixels.astype(np.int16) + noise).clip(0, 255).astype(np.uint8)
    return result


def photos(data: Path, count: int) -> Iterator[Pixels]:
    """Real ones."""
    for file in sorted((data / "images/eval").iterdir())[:count]:
        yield read_picture(file)


def names(folder: Path) -> list[str]:
    """All that lies there, also what is hidden."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
