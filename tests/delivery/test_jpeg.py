"""A JPEG file of our own making, read by somebody else's decoder."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecls.delivery import jpeg
from edgecls.domain import Pixels
from edgecls.pictures import SUFFIXES, read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.snapshots import LONGER_SIDE, snapshot
from tests.media import BARS, bar_colours, colour_card, photo_like

SOI, SOS = 0xD8, 0xDA
JFIF, QUANTIZATION, HUFFMAN, BASELINE = 0xE0, 0xDB, 0xC4, 0xC0


def decoded(file: bytes) -> Pixels:
    """What Pillow makes of it."""
    with Image.open(io.BytesIO(file), formats=["JPEG"]) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def error(file: bytes, pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Difference in grey levels, shape (height, width, 3)."""
    seen = decoded(file)
    assert seen.shape == pixels.shape
    return seen.astype(float) - pixels


def segments(file: bytes) -> list[int]:
    """The kinds of the segments before the picture itself."""
    assert file[:2] == bytes([0xFF, SOI])
    kinds, at = [], 2
    while file[at + 1] != SOS:
        assert file[at] == 0xFF
        kinds.append(file[at + 1])
        at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return kinds


def test_real_photos_keep_their_colours(data: Path) -> None:
    files = [each for each in (data / "images/photos").iterdir() if each.suffix in SUFFIXES]
    assert len(files) >= 5
    for file in files:
        photo = snapshot(ArrayImage(read_picture(file)), View(224, 224, resize="fit"))
        coded = jpeg.encode(photo)
        off = error(coded, photo)
        assert len(coded) < 100_000
        assert np.abs(off).mean() < 4, file
        assert np.abs(off.mean((0, 1))).max() < 1, file


def test_bars_stay_where_they_are_and_what_they_are() -> None:
    assert bar_colours(decoded(jpeg.encode(colour_card(640, 360)))) == BARS


SIDES = [1, 2, 3, 7, 8, 9, 16, 17, 97]


@pytest.mark.parametrize("height", SIDES)
def test_any_size_keeps_its_colour_up_to_the_last_pixel(height: int) -> None:
    for width in SIDES:
        orange = np.full((height, width, 3), (200, 60, 30), np.uint8)
        assert np.abs(error(jpeg.encode(orange), orange)).max() <= 2


def test_black_and_white_are_black_and_white() -> None:
    for level in (0, 255):
        flat = np.full((40, 40, 3), level, np.uint8)
        assert (decoded(jpeg.encode(flat)) == flat).all()


def test_pixels_that_are_a_view_are_fine() -> None:
    card = colour_card(161, 121)[::-1, :, :]
    assert np.abs(error(jpeg.encode(card), card)).mean() < 2


def test_the_best_quality_that_fits_is_taken() -> None:
    photo = photo_like(640, 360)
    sizes = {limit: jpeg.encode(photo, limit) for limit in (200_000, 30_000, 15_000)}
    assert all(len(coded) <= limit for limit, coded in sizes.items())
    errors = [np.abs(error(coded, photo)).mean() for coded in sizes.values()]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_largest_snapshot_of_the_worst_noise_fits(channels: int) -> None:
    random = np.random.default_rng(5)
    shape = (LONGER_SIDE, LONGER_SIDE, channels)
    noise = (random.integers(0, 2, shape) * 255).astype(np.uint8).repeat(3 // channels, 2)
    assert len(jpeg.encode(noise)) <= 200_000
    assert len(jpeg.encode(noise, 150_000)) <= 150_000


def test_what_cannot_fit_is_told() -> None:
    with pytest.raises(ValueError, match="64x48 pixels do not fit in 100 bytes"):
        jpeg.encode(photo_like(64, 48), 100)


def test_it_is_a_jfif_file_with_nothing_but_the_picture() -> None:
    coded = jpeg.encode(photo_like())
    assert coded[6:11] == b"JFIF\0"
    assert set(segments(coded)) == {JFIF, QUANTIZATION, HUFFMAN, BASELINE}
    assert b"Lavc" not in coded


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert jpeg.encode(photo_like()) == jpeg.encode(photo_like())


def test_importing_costs_no_library_and_encoding_no_pillow() -> None:
    code = """
import sys
from edgecls.delivery import jpeg
print({"av", "PIL", "cv2"} & set(sys.modules))
import numpy as np
jpeg.encode(np.zeros((9, 9, 3), np.uint8))
print({"av", "PIL", "cv2"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "{'av'}"]
    assert done.stderr == ""
