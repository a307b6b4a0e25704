"""What is asked of a camera's image processor, and how its buffers are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecls.domain import Pixels
from edgecls.pixels import View
from edgecls.sources.isp import Layout, Stream, image_of, stream_for
from tests.media import BARS, bar_colours, colour_card

CAMERA = (1280, 720)
VIEW = View(96, 96, resize="stretch")


def test_when_only_one_model_looks_the_stream_is_its_input() -> None:
    assert stream_for([View(224, 224)], CAMERA, 0) == Stream("BGR888", (224, 224))


def test_an_odd_input_is_asked_for_with_even_sides() -> None:
    assert stream_for([View(227, 227)], CAMERA, 0) == Stream("BGR888", (228, 228))


def test_a_camera_on_its_side_gives_the_input_on_its_side() -> None:
    assert stream_for([View(160, 96)], CAMERA, 90) == Stream("BGR888", (96, 160))


def test_the_largest_of_several_squares_serves_all() -> None:
    assert stream_for([View(96, 96), View(224, 224)], CAMERA, 0).size == (224, 224)


def test_stretch_and_fit_keep_the_shape_of_the_camera() -> None:
    assert stream_for([View(224, 224, resize="stretch")], CAMERA, 0) == Stream("YUV420", (400, 224))
    assert stream_for([View(224, 224), View(224, 224, resize="fit")], CAMERA, 0).size == (400, 224)


def test_a_region_needs_the_whole_picture() -> None:
    views = [View(224, 224), View(96, 96, region=(0.5, 0, 0.5, 1))]
    assert stream_for(views, CAMERA, 0) == Stream("YUV420", CAMERA)


def test_a_model_larger_than_the_picture_gets_the_picture() -> None:
    assert stream_for([View(640, 640)], (320, 240), 0) == Stream("YUV420", (320, 240))


def padded(rows: Pixels, stride: int) -> Pixels:
    """Rows of bytes with rubbish behind them up to the stride."""
    full = np.full((rows.shape[0], stride), 0xAA, np.uint8)
    full[:, : rows.shape[1]] = rows
    return full.ravel()


def planar(name: str) -> list[Pixels]:
    """The test card in planes, rows of bytes without padding."""
    import av

    card = av.VideoFrame.from_ndarray(colour_card(160, 120), format="rgb24")
    flat: Any = card.reformat(format=name).to_ndarray()
    if name == "nv12":
        return [flat[:120], flat[120:]]
    return [flat[:120], flat[120:150].reshape(60, 80), flat[150:].reshape(60, 80)]


@pytest.mark.parametrize("stride", [160, 192])
@pytest.mark.parametrize(
    ("name", "order"), [("YUV420", (0, 1, 2)), ("YVU420", (0, 2, 1)), ("NV12", (0, 1))]
)
def test_planes_with_padded_rows_have_their_colours(
    name: str, order: tuple[int, ...], stride: int
) -> None:
    planes = planar("nv12" if name == "NV12" else "yuv420p")
    strides = [stride, *([stride] if name == "NV12" else [stride // 2] * 2)]
    buffer = np.concatenate(
        [padded(planes[plane], wide) for plane, wide in zip(order, strides, strict=True)]
    )
    image = image_of(buffer, Layout(name, 160, 120, stride), [VIEW])
    assert bar_colours(VIEW.see(image)) == BARS


@pytest.mark.parametrize("stride", [480, 512])
@pytest.mark.parametrize("name", ["BGR888", "RGB888"])
def test_the_rgb_formats_are_named_from_the_last_byte_on(name: str, stride: int) -> None:
    card = colour_card(160, 120)
    rows = (card if name == "BGR888" else card[..., ::-1]).reshape(120, 480)
    buffer = padded(rows, stride)
    layout = Layout(name, 160, 120, stride)
    assert bar_colours(VIEW.see(image_of(buffer, layout, [VIEW]))) == BARS
    exact = View(160, 120, resize="stretch")
    assert bar_colours(exact.see(image_of(buffer, layout, [exact]))) == BARS


def test_the_image_outlives_the_buffer() -> None:
    exact = View(160, 120)
    buffer = colour_card(160, 120).ravel().copy()
    image = image_of(buffer, Layout("BGR888", 160, 120, 480), [exact])
    buffer[:] = 0
    assert bar_colours(exact.see(image)) == BARS
