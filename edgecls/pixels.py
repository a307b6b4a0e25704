"""From an image to the pixels that a model sees: region, crop, scale, rotation.

All sampling is linear without anti-aliasing, with OpenCV's pixel centres: shrinking so suits the
networks better than averaging does (see "Pixels" in the project's facts). OpenCV does it where it
is installed, NumPy elsewhere; the two differ by one grey level, rarely by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Box, Image, Pixels


@dataclass(frozen=True, slots=True)
class View:
    """What a watch looks at: a region of the image, and how it meets the model's input."""

    width: int  # of the model's input, in pixels
    height: int
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)  # x, y, width, height
    resize: str = "crop"  # crop: the central part in the input's shape | fit: on black | stretch

    def box(self, image_width: int, image_height: int) -> Box:
        """The pixels that are sampled: inside the image and at least one."""
        x, y, width, height = self.region
        left, columns = _span(x, width, image_width)
        top, rows = _span(y, height, image_height)
        if self.resize != "crop":
            return Box(left, top, columns, rows)
        # The largest part in the input's shape: the central square, where the input is square.
        wide = min(columns, max(1, round(rows * self.width / self.height)))
        high = min(rows, max(1, round(columns * self.height / self.width)))
        return Box(left + (columns - wide) // 2, top + (rows - high) // 2, wide, high)

    def sampled(self, image_width: int, image_height: int) -> tuple[Box, int, int]:
        """What is asked of the image: a box, and the width and height it is brought to."""
        box = self.box(image_width, image_height)
        if self.resize != "fit":
            return box, self.width, self.height
        scale = min(self.width / box.width, self.height / box.height)
        wide = min(self.width, max(1, round(box.width * scale)))
        high = min(self.height, max(1, round(box.height * scale)))
        return box, wide, high

    def see(self, image: Image) -> Pixels:
        """The model's view of an image: RGB uint8, shape (height, width, 3).

        It may be a view of the frame: who keeps it beyond the frame copies it.
        """
        box, wide, high = self.sampled(image.width, image.height)
        seen = image.sample(box, wide, high)
        if (wide, high) == (self.width, self.height):
            return seen
        canvas = np.zeros((self.height, self.width, 3), np.uint8)
        left, top = (self.width - wide) // 2, (self.height - high) // 2
        canvas[top : top + high, left : left + wide] = seen
        return canvas


class ArrayImage:
    """An image that lies in memory as RGB uint8, shape (height, width, 3)."""

    __slots__ = ("height", "pixels", "width")

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.height: int = pixels.shape[0]
        self.width: int = pixels.shape[1]

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        """The box at width x height; unscaled it is a view of the image."""
        x, y, columns, rows = box
        part = self.pixels[y : y + rows, x : x + columns]
        if (columns, rows) == (width, height):
            return part
        return resized(part, width, height)

    def copy(self) -> ArrayImage:
        """The same image in memory of its own."""
        return ArrayImage(self.pixels.copy())


class Turned:
    """Another image rotated clockwise by 0, 90, 180 or 270 degrees and then flipped.

    Only the few sampled pixels are turned, never the image.
    """

    __slots__ = ("_hflip", "_image", "_quarters", "_vflip", "height", "width")

    def __init__(
        self, image: Image, rotate: int = 0, *, hflip: bool = False, vflip: bool = False
    ) -> None:
        self._image = image
        self._quarters = rotate // 90 % 4
        self._hflip = hflip
        self._vflip = vflip
        upright = self._quarters % 2 == 0
        self.width: int = image.width if upright else image.height
        self.height: int = image.height if upright else image.width

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        """The box of the turned image at width x height."""
        if self._quarters % 2:
            seen = self._image.sample(self._origin(box), height, width)
        else:
            seen = self._image.sample(self._origin(box), width, height)
        seen = np.rot90(seen, -self._quarters)
        if self._hflip:
            seen = seen[:, ::-1]
        if self._vflip:
            seen = seen[::-1]
        return np.ascontiguousarray(seen)

    def copy(self) -> Turned:
        """The same image in memory of its own."""
        degrees, image = 90 * self._quarters, self._image.copy()
        return Turned(image, degrees, hflip=self._hflip, vflip=self._vflip)

    def _origin(self, box: Box) -> Box:
        """The box in the image before it was turned."""
        x, y, width, height = box
        if self._hflip:
            x = self.width - x - width
        if self._vflip:
            y = self.height - y - height
        if self._quarters == 1:
            return Box(y, self.width - x - width, height, width)
        if self._quarters == 2:
            return Box(self.width - x - width, self.height - y - height, width, height)
        if self._quarters == 3:
            return Box(self.height - y - height, x, height, width)
        return Box(x, y, width, height)


class SampledAhead:
    """Another image, with what these views will ask for sampled already.

    A finite source has every frame looked at by every watch, so its thread can do that work while
    the model runs on the frame before.
    """

    __slots__ = ("_image", "_seen", "height", "width")

    def __init__(self, image: Image, views: Sequence[View]) -> None:
        self._image = image
        self.width: int = image.width
        self.height: int = image.height
        asked = {view.sampled(self.width, self.height) for view in views}
        self._seen = {each: image.sample(*each) for each in asked}

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        """The box at width x height."""
        seen = self._seen.get((box, width, height))
        return self._image.sample(box, width, height) if seen is None else seen

    def copy(self) -> Image:
        """The same image in memory of its own, with nothing sampled yet."""
        return self._image.copy()


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """RGB pixels (rows, columns, 3) brought to width x height by linear sampling."""
    opencv = _opencv()
    if opencv is None:
        return resized_by_numpy(pixels, width, height)
    result: Pixels = opencv.resize(pixels, (width, height), interpolation=opencv.INTER_LINEAR)
    return result


def resized_by_numpy(pixels: Pixels, width: int, height: int) -> Pixels:
    """The same without OpenCV, for systems that have no wheel of it."""
    above, below, down = _neighbours(pixels.shape[0], height)
    columns = _columns(pixels.shape[1], width)
    down = down[:, None]
    rows = _between(pixels[above], columns) * (256 - down)
    rows += _between(pixels[below], columns) * down
    rows += 128
    rows >>= 8
    result: Pixels = rows.astype(np.uint8).reshape(height, width, 3)
    return result


_Neighbours = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint16]]


def _between(rows: Pixels, columns: _Neighbours) -> NDArray[np.uint16]:
    """Whole rows (rows, columns, 3) at the new columns, as (rows, new columns * 3).

    255 * 256 just fits in 16 bits, which halves the memory that is moved.
    """
    left, right, across = columns
    flat = rows.reshape(len(rows), -1)
    mixed: NDArray[np.uint16] = flat.take(left, 1) * (256 - across)
    mixed += flat.take(right, 1) * across
    mixed += 128
    mixed >>= 8
    return mixed


@lru_cache(maxsize=64)
def _columns(old: int, new: int) -> _Neighbours:
    """The same as `_neighbours` for rows whose three channels lie side by side."""
    left, right, across = _neighbours(old, new)
    channels = np.arange(3)
    return (
        (left[:, None] * 3 + channels).ravel(),
        (right[:, None] * 3 + channels).ravel(),
        across.repeat(3),
    )


@lru_cache(maxsize=64)
def _neighbours(old: int, new: int) -> _Neighbours:
    """For each new pixel the two old ones it lies between, and its distance to the first / 256."""
    centres = (np.arange(new) + 0.5) * (old / new) - 0.5
    centres = centres.clip(0, old - 1)
    first = centres.astype(np.intp)
    second = np.minimum(first + 1, old - 1)
    return first, second, np.rint((centres - first) * 256).astype(np.uint16)


def prepare() -> None:
    """Do now what the first resampling would otherwise wait for: import OpenCV."""
    _opencv()


@cache
def _opencv() -> Any:
    """The module, imported at the first resampling because it costs 90 ms and 15 MB; or None."""
    try:
        import cv2
    except ImportError:
        return None
    cv2.setNumThreads(1)  # a tenth of a millisecond of work: threads only get in the way
    return cv2


def _span(start: float, size: float, pixels: int) -> tuple[int, int]:
    """A fraction of a side as whole pixels: (first, count), inside and at least one."""
    first = min(max(round(start * pixels), 0), pixels - 1)
    last = min(max(round((start + size) * pixels), first + 1), pixels)
    return first, last - first
