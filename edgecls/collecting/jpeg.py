"""JPEG -> RGB pixels, by the codec library that reads the cameras anyway: a daemon that finds
pictures from before needs no Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecls.domain import Pixels
from edgecls.errors import PictureError
from edgecls.pictures import MAX_PIXELS


def read(path: Path) -> Pixels:
    """A file as RGB uint8, shape (height, width, 3). Raises PictureError."""
    from av import FFmpegError, Packet
    from av.video.codeccontext import VideoCodecContext

    codec = VideoCodecContext.create("mjpeg", "r")
    codec.thread_count = 1
    codec.options = {"max_pixels": str(MAX_PIXELS)}
    try:
        frames = [*codec.decode(Packet(path.read_bytes())), *codec.decode(None)]
        return frames[0].to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    except (FFmpegError, OSError, ValueError, IndexError) as error:
        raise PictureError(f"{path}: cannot read the picture: {error}") from error
