"""Small clips and pictures, made where a test needs them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edgecls.domain import Pixels

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CARD = (RED, GREEN, BLUE, WHITE)


def colour_card(width: int = 160, height: int = 120) -> Pixels:
    """Red, green, blue and white bars from left to right."""
    card = np.zeros((height, width, 3), np.uint8)
    for bar, colour in enumerate(CARD):
        card[:, bar * width // 4 : (bar + 1) * width // 4] = colour
    return card


def bar_colours(pixels: Pixels) -> list[str]:
    """The bars that are seen from left to right, by name; `?` for any other colour."""
    height, width = pixels.shape[:2]
    names = dict(zip(CARD, ("red", "green", "blue", "white"), strict=True))
    seen = []
    for bar in range(4):
        middle = pixels[height // 2, (2 * bar + 1) * width // 8].astype(int)
        near = [name for colour, name in names.items() if abs(middle - colour).max() < 25]
        seen.append(near[0] if near else "?")
    return seen


BARS = ["red", "green", "blue", "white"]


def grey(level: int, width: int = 64, height: int = 48) -> Pixels:
    """A picture of one grey level."""
    return np.full((height, width, 3), level, np.uint8)


def film(
    path: Path,
    pictures: Iterable[Pixels],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: int = 10,
) -> Path:
    """A clip of pictures; the container follows the name."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(codec, rate=fps)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixel_format
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return path


def jpeg(picture: Pixels, quality: int = 95) -> bytes:
    """A picture as the bytes of a JPEG file."""
    from PIL import Image

    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "JPEG", quality=quality)
    return memory.getvalue()


def photo_like(width: int = 320, height: int = 240, seed: int = 1) -> Pixels:
    """Soft blobs of colour with some grain: what a codec and a scaler find hard enough."""
    from PIL import Image

    random = np.random.default_rng(seed)
    blobs = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8))
    soft = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = random.integers(-12, 13, (height, width, 1))
    return (soft + grain).clip(0, 255).astype(np.uint8)
