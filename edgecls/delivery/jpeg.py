"""RGB pixels -> JPEG, by the codec library that reads the cameras anyway."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Pixels

if TYPE_CHECKING:
    from av import VideoFrame

LIMIT_BYTES = 200_000
# FFmpeg's quantizer scale: 3 is hard to tell from the original, 31 is its worst. The worst noise
# that was found for 640x640 pixels is 120 kB at 31.
_QUANTIZERS = (3, 5, 8, 12, 20, 31)


def encode(pixels: Pixels, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """RGB uint8, shape (height, width, 3), as a JFIF file without metadata.

    The quality is the best of a few that fits in `limit_bytes`; ValueError where none does.
    """
    frame = _ycbcr(pixels)
    for quantizer in _QUANTIZERS:
        jpeg = _encoded(frame, quantizer)
        if len(jpeg) <= limit_bytes:
            return jpeg
    raise ValueError(f"{frame.width}x{frame.height} pixels do not fit in {limit_bytes} bytes")


def _encoded(frame: VideoFrame, quantizer: int) -> bytes:
    from av.video.codeccontext import VideoCodecContext

    codec = VideoCodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, frame.format.name
    codec.time_base = Fraction(1)
    codec.sample_aspect_ratio = Fraction(1)  # without it there is no JFIF header
    codec.thread_count = 1
    codec.options = {
        "flags": "+bitexact",  # without it there is a comment that names the encoder
        "qmin": str(quantizer),
        "qmax": str(quantizer),
    }
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def _ycbcr(pixels: Pixels) -> VideoFrame:
    """As JFIF defines it, with a colour sample for each 2x2 pixels.

    Not by swscale: before FFmpeg 8 it spoils the last column of an odd width, in FFmpeg 8 it
    rounds colours down.
    """
    from av import VideoFrame

    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    red, green, blue = (even[:, :, channel].astype(np.float32) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    frame = VideoFrame(width, height, "yuvj420p")
    _fill(frame, 0, luma[:height, :width])
    _fill(frame, 1, _halved(blue - luma) / 1.772 + 128)
    _fill(frame, 2, _halved(red - luma) / 1.402 + 128)
    return frame


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each 2x2 samples as their mean."""
    pairs = plane[::2] + plane[1::2]
    return (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)


def _fill(frame: VideoFrame, plane: int, samples: NDArray[np.float32]) -> None:
    target = np.frombuffer(memoryview(frame.planes[plane]), np.uint8)
    rows, columns = samples.shape
    target = target.reshape(-1, frame.planes[plane].line_size)
    target[:rows, :columns] = np.rint(samples).clip(0, 255)
