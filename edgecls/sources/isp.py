"""What to ask of a camera's image processor, and how to read what it gives. No camera needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Image
from edgecls.pixels import ArrayImage, View
from edgecls.sources.planes import PlanesImage

if TYPE_CHECKING:
    from av import VideoFrame

_WHOLE = (0.0, 0.0, 1.0, 1.0)


class Stream(NamedTuple):
    """A stream as picamera2 is asked for it. Its RGB formats are named from the last byte on."""

    format: str  # "BGR888": the bytes are R, G, B
    size: tuple[int, int]


def stream_for(views: Sequence[View], size: tuple[int, int], rotate: int) -> Stream:
    """The smallest stream that serves all views of a camera whose full picture has `size`.

    Where everybody wants the central part in one shape, it is the model's input itself: of a
    stream in another shape than the sensor's, libcamera gives exactly the central part.
    """
    if not views or any(tuple(view.region) != _WHOLE for view in views):
        return Stream("YUV420", _even(size))
    inputs = [(view.width, view.height) for view in views]
    if rotate % 180:
        inputs = [(height, width) for width, height in inputs]
    largest = max(inputs)
    shapes = {width / height for width, height in inputs}
    cropped = all(view.resize == "crop" for view in views)
    if cropped and len(shapes) == 1 and largest[0] <= size[0] and largest[1] <= size[1]:
        return Stream("BGR888", _even(largest))
    scale = max(max(width / size[0], height / size[1]) for width, height in inputs)
    if scale >= 1:
        return Stream("YUV420", _even(size))
    return Stream("YUV420", _even((ceil(size[0] * scale), ceil(size[1] * scale))))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of a configured stream lie in its buffer."""

    format: str
    width: int
    height: int
    stride: int  # bytes from one row to the next
    matrix: int = 0  # FFmpeg's AVColorSpace; 0: not said
    full_range: bool = False


# In FFmpeg's words; planes in the order in which they lie, with columns and rows per sample and
# bytes per sample.
_PLANES = {
    "YUV420": ("yuv420p", ((0, 1, 1, 1), (1, 2, 2, 1), (2, 2, 2, 1))),
    "YVU420": ("yuv420p", ((0, 1, 1, 1), (2, 2, 2, 1), (1, 2, 2, 1))),
    "NV12": ("nv12", ((0, 1, 1, 1), (1, 2, 2, 2))),
    "NV21": ("nv21", ((0, 1, 1, 1), (1, 2, 2, 2))),
    "YUYV": ("yuyv422", ((0, 1, 1, 2),)),
    "UYVY": ("uyvy422", ((0, 1, 1, 2),)),
    "BGR888": ("rgb24", ((0, 1, 1, 3),)),
    "RGB888": ("bgr24", ((0, 1, 1, 3),)),
    "XBGR8888": ("rgb0", ((0, 1, 1, 4),)),
    "XRGB8888": ("bgr0", ((0, 1, 1, 4),)),
}
FORMATS = tuple(_PLANES)


def image_of(buffer: NDArray[np.uint8], layout: Layout, views: Sequence[View]) -> Image:
    """The image in a buffer (bytes, one dimension), copied once: the buffer goes back."""
    size = layout.width, layout.height
    if layout.format != "BGR888" or any((view.width, view.height) != size for view in views):
        return PlanesImage(_video_frame(buffer, layout))
    # It is the model's input already.
    rows = _rows(buffer, 0, layout.height, layout.stride)[:, : 3 * layout.width]
    return ArrayImage(rows.reshape(layout.height, layout.width, 3).copy())


def _video_frame(buffer: NDArray[np.uint8], layout: Layout) -> VideoFrame:
    from av import VideoFrame

    name, planes = _PLANES[layout.format]
    frame = VideoFrame(layout.width, layout.height, name)
    if layout.matrix:
        frame.colorspace = layout.matrix
        frame.color_range = 2 if layout.full_range else 1
    start = 0
    for plane, across, down, size in planes:
        rows = -(-layout.height // down)
        columns = -(-layout.width // across) * size
        # Planes of their own colour are as much narrower as they hold fewer samples.
        stride = layout.stride if size > 1 else layout.stride // across
        target = np.frombuffer(memoryview(frame.planes[plane]), np.uint8)
        target = target.reshape(-1, frame.planes[plane].line_size)
        target[:rows, :columns] = _rows(buffer, start, rows, stride)[:, :columns]
        start += rows * stride
    return frame


def _rows(buffer: NDArray[np.uint8], start: int, rows: int, stride: int) -> NDArray[np.uint8]:
    return buffer[start : start + rows * stride].reshape(rows, stride)


def _even(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] + size[0] % 2, size[1] + size[1] % 2
