"""Regions, crops, scaling and rotation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.domain import Box, Pixels
from edgecls.pixels import ArrayImage, SampledAhead, Turned, View, resized, resized_by_numpy

SIDES = st.integers(1, 90)


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def gradient(height: int, width: int) -> Pixels:
    """Each pixel tells where it is."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = np.arange(width)
    pixels[:, :, 1] = np.arange(height)[:, None]
    return pixels


def test_crop_takes_the_central_square_for_a_square_input() -> None:
    assert View(224, 224).box(1280, 720) == Box(280, 0, 720, 720)
    assert View(224, 224).box(720, 1280) == Box(0, 280, 720, 720)


def test_crop_takes_the_shape_of_an_input_that_is_not_square() -> None:
    assert View(320, 160).box(1000, 1000) == Box(0, 250, 1000, 500)


def test_stretch_and_fit_take_the_whole_image() -> None:
    assert View(96, 96, resize="stretch").box(640, 480) == Box(0, 0, 640, 480)
    assert View(96, 96, resize="fit").box(640, 480) == Box(0, 0, 640, 480)


def test_the_region_comes_before_the_crop() -> None:
    view = View(96, 96, region=(0.5, 0.25, 0.5, 0.5))
    assert view.box(1280, 720) == Box(640 + 140, 180, 360, 360)


@given(
    st.tuples(SIDES, SIDES),
    st.tuples(SIDES, SIDES),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.sampled_from(["crop", "fit", "stretch"]),
)
def test_the_box_lies_inside_and_has_a_pixel(
    wanted: tuple[int, int],
    image: tuple[int, int],
    region: tuple[float, float, float, float],
    resize: str,
) -> None:
    box = View(*wanted, region, resize).box(*image)
    assert box.x >= 0
    assert box.y >= 0
    assert box.width >= 1
    assert box.height >= 1
    assert box.x + box.width <= image[0]
    assert box.y + box.height <= image[1]


def test_fit_keeps_the_shape_on_black() -> None:
    seen = View(100, 100, resize="fit").see(ArrayImage(np.full((50, 100, 3), 200, np.uint8)))
    assert seen.shape == (100, 100, 3)
    assert (seen[25:75] == 200).all()
    assert not seen[:25].any()
    assert not seen[75:].any()


def test_an_image_of_the_right_size_is_not_copied() -> None:
    pixels = noise(96, 96)
    assert np.shares_memory(View(96, 96).see(ArrayImage(pixels)), pixels)


@pytest.mark.parametrize("resize", ["crop", "fit", "stretch"])
def test_a_picture_of_one_pixel_fills_the_input(resize: str) -> None:
    seen = View(8, 8, resize=resize).see(ArrayImage(np.full((1, 1, 3), 77, np.uint8)))
    assert seen.shape == (8, 8, 3)
    assert (seen == 77).all()


@settings(deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 9))
def test_numpy_samples_like_opencv(
    width: int, height: int, new_width: int, new_height: int, seed: int
) -> None:
    pytest.importorskip("cv2")
    pixels = noise(height, width, seed)
    difference = resized(pixels, new_width, new_height).astype(int) - resized_by_numpy(
        pixels, new_width, new_height
    )
    assert np.abs(difference).max() <= 2


def test_sampling_does_not_average() -> None:
    stripes = np.zeros((1, 90, 3), np.uint8)
    stripes[:, 1::3] = 255  # every third column is white; their centres are those of the new ones
    assert (resized_by_numpy(stripes, 30, 1) == 255).all()
    assert (resized(stripes, 30, 1) == 255).all()


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("vflip", [False, True])
def test_a_turned_image_is_the_image_turned(rotate: int, hflip: bool, vflip: bool) -> None:
    pixels = gradient(60, 80)
    whole = np.rot90(pixels, -rotate // 90)
    whole = whole[:, ::-1] if hflip else whole
    whole = whole[::-1] if vflip else whole
    turned = Turned(ArrayImage(pixels), rotate, hflip=hflip, vflip=vflip)
    assert (turned.height, turned.width) == whole.shape[:2]
    box = Box(5, 11, 40, 30)
    assert (turned.sample(box, 40, 30) == whole[11:41, 5:45]).all()
    scaled = turned.sample(box, 13, 17).astype(int) - resized(whole[11:41, 5:45], 13, 17)
    assert np.abs(scaled).max() <= 1
    seen, copy = turned.sample(box, 40, 30).copy(), turned.copy()
    pixels[:] = 0  # the frame has gone
    assert (copy.sample(box, 40, 30) == seen).all()


@pytest.mark.parametrize("resize", ["crop", "fit", "stretch"])
def test_what_was_sampled_ahead_is_what_is_seen(resize: str) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (48, 65, 3), np.uint8)
    view = View(24, 20, (0.1, 0.2, 0.7, 0.8), resize)
    ahead = SampledAhead(ArrayImage(pixels), [view, view])
    pixels_as_seen = view.see(ArrayImage(pixels)).copy()
    pixels[:] = 0  # the frame has gone; only what was sampled ahead is left
    assert (view.see(ahead) == pixels_as_seen).all()
