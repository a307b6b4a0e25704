"""libswscale samples as OpenCV does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecls.domain import Box, Pixels
from edgecls.pixels import ArrayImage
from edgecls.sources import planes
from edgecls.sources.planes import PlanesImage
from tests.media import photo_like

SMOOTH = photo_like(641, 363)


def frame(pixel_format: str, pixels: Pixels = SMOOTH) -> Any:
    """An `av.VideoFrame` of that format."""
    import av

    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)


def error(video: Any, box: Box, width: int, height: int) -> float:
    """Mean distance in grey levels to FFmpeg's own RGB picture, sampled by ArrayImage."""
    reference = ArrayImage(video.reformat(format="rgb24").to_ndarray())
    seen = PlanesImage(video).sample(box, width, height)
    assert seen.shape == (height, width, 3)
    assert seen.dtype == np.uint8
    return float(np.abs(seen.astype(int) - reference.sample(box, width, height)).mean())


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra", "gbrp", "yuv444p", "gray"])
@pytest.mark.parametrize("size", [(224, 224), (96, 128), (28, 28), (700, 400), (8, 3)])
def test_full_colour_is_less_than_one_level_off(pixel_format: str, size: tuple[int, int]) -> None:
    assert error(frame(pixel_format), Box(101, 3, 461, 331), *size) < 0.7


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj422p", "nv12", "yuyv422", "yuv420p10le"])
@pytest.mark.parametrize(
    "box", [Box(100, 4, 300, 300), Box(101, 4, 300, 300), Box(101, 3, 301, 301)]
)
def test_a_box_at_an_odd_place_keeps_its_colours(pixel_format: str, box: Box) -> None:
    assert error(frame(pixel_format), box, 224, 224) < 2


@pytest.mark.parametrize("box", [Box(640, 362, 1, 1), Box(0, 5, 641, 1), Box(3, 0, 1, 363)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "rgb24"])
def test_a_box_may_be_a_pixel_high_or_wide(pixel_format: str, box: Box) -> None:
    assert error(frame(pixel_format), box, 96, 96) < 8


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("colour_range", [1, 2])
def test_matrix_and_range_are_those_that_the_frame_states(matrix: int, colour_range: int) -> None:
    video = frame("yuv444p")
    video.colorspace, video.color_range = matrix, colour_range
    assert error(video, Box(0, 0, 641, 363), 224, 224) < 0.7


def test_what_was_seen_outlives_the_frame() -> None:
    video = frame("yuv420p")
    seen = PlanesImage(video).sample(Box(0, 0, 641, 363), 32, 32)
    before = seen.copy()
    PlanesImage(frame("yuv420p", 255 - SMOOTH)).sample(Box(0, 0, 641, 363), 32, 32)
    assert (seen == before).all()


def test_only_so_many_scalers_are_kept() -> None:
    image = PlanesImage(frame("yuv420p"))
    for width in range(20, 80):
        image.sample(Box(0, 0, 64, 48), width, 20)
    assert len(planes._scalers) <= 32


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "yuyv422", "gbrp", "gray"])
def test_a_copy_is_the_same_image_and_stays_when_the_memory_is_used_again(
    pixel_format: str,
) -> None:
    video = frame(pixel_format)
    video.colorspace, video.color_range = 9, 2
    image, box = PlanesImage(video), Box(101, 3, 461, 331)
    before, copy = image.sample(box, 224, 224), image.copy()
    for plane in video.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 0
    assert not np.array_equal(image.sample(box, 224, 224), before)
    assert np.array_equal(copy.sample(box, 224, 224), before)
