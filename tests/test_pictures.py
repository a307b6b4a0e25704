"""Pictures as they come: of any format, mode and state of repair."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecls.errors import PictureError, UsageError
from edgecls.pictures import read_picture, rgb_array

RED = (250, 10, 10)


def halves(mode: str = "RGB") -> Image.Image:
    """Left red, right black."""
    image = Image.new("RGB", (40, 20), "black")
    image.paste(RED, (0, 0, 20, 20))
    return image.convert(mode)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.jpg"])
def test_every_format_gives_rgb_of_height_and_width(tmp_path: Path, name: str) -> None:
    halves().save(tmp_path / name, quality=100)
    pixels = read_picture(tmp_path / name)
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[10, 5].astype(int) - RED).max() <= 4
    assert pixels[10, 35].max() <= 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    grey = halves("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = (halves() if mode in ("P", "RGBA") else grey).convert(mode)
    pixels = rgb_array(image)
    assert pixels.shape == (20, 40, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, :20].max() > 60
    assert pixels[10, 35].max() == 0
    if mode in ("L", "LA", "I;16", "I", "F"):
        assert (pixels == np.asarray(grey)[:, :, None]).all()


def test_a_16_bit_png_keeps_its_brightness(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 0x8080, np.uint16)).save(tmp_path / "deep.png")
    assert (read_picture(tmp_path / "deep.png") == 0x80).all()


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    halves("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert np.abs(read_picture(tmp_path / "print.jpg")[10, 5].astype(int) - RED).max() <= 12


def test_transparency_lies_on_black() -> None:
    image = Image.new("RGBA", (2, 1), (200, 100, 50, 0))
    image.putpixel((1, 0), (200, 100, 50, 128))
    assert rgb_array(image).tolist() == [[[0, 0, 0], [100, 50, 25]]]


def test_a_transparent_palette_colour_lies_on_black(tmp_path: Path) -> None:
    image = halves().quantize(2)
    image.save(tmp_path / "p.png", transparency=image.getpixel((0, 0)))
    assert not read_picture(tmp_path / "p.png").any()


@pytest.mark.parametrize(
    ("orientation", "red_at"), [(1, (10, 5)), (3, (10, 35)), (6, (5, 10)), (8, (35, 10))]
)
def test_exif_rotation_is_applied(
    tmp_path: Path, orientation: int, red_at: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    pixels = read_picture(tmp_path / "turned.jpg")
    assert pixels.shape == ((20, 40, 3) if orientation in (1, 3) else (40, 20, 3))
    assert pixels[red_at][0] > 200


def test_damaged_exif_turns_nothing(tmp_path: Path) -> None:
    halves().save(tmp_path / "x.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    assert read_picture(tmp_path / "x.jpg").shape == (20, 40, 3)


def test_more_than_50_megapixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "huge.bmp"
    Image.new("1", (8, 8)).save(path)
    header = bytearray(path.read_bytes())
    header[18:26] = (10_000).to_bytes(4, "little") + (5_001).to_bytes(4, "little")
    path.write_bytes(header)
    with pytest.raises(PictureError, match=r"huge\.bmp: .*10000x5001 .*50 megapixels"):
        read_picture(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.bmp"
    Image.new("1", (8, 8)).save(path)
    header = bytearray(path.read_bytes())
    header[18:26] = (100_000).to_bytes(4, "little") * 2
    path.write_bytes(header)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_a_cut_off_picture_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(noise).save(whole)
    content = whole.read_bytes()
    for share in (0.01, 0.3, 0.7):
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(PictureError, match=r"cut\.") as caught:
            read_picture(cut)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"GIF89a" * 9])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=r"x\.jpg: is no JPEG, PNG, BMP or WebP picture"):
        read_picture(path)


def test_a_missing_picture_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="there is no such picture"):
        read_picture(tmp_path / "nothing.jpg")
    with pytest.raises(PictureError, match="is a folder or a device"):
        read_picture(tmp_path)


def test_an_rgb_array_is_taken_as_it_is() -> None:
    pixels = np.zeros((3, 2, 3), np.uint8)
    assert rgb_array(pixels) is pixels


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 2), np.uint8),
        np.zeros((3, 2, 4), np.uint8),
        np.zeros((3, 2, 3), np.float32),
        np.zeros((0, 2, 3), np.uint8),
        b"bytes",
        None,
        [[1, 2, 3]],
    ],
)
def test_anything_else_is_refused_and_says_what_is_allowed(image: object) -> None:
    with pytest.raises(UsageError, match=r"RGB uint8 .*of shape \(height, width, 3\)"):
        rgb_array(image)


def test_every_photo_of_the_data_can_be_read(data: Path) -> None:
    for path in sorted((data / "images/photos").iterdir()):
        if path.suffix != ".rgb":
            assert read_picture(path).ndim == 3


def test_reading_needs_no_pillow_until_a_picture_is_read() -> None:
    import subprocess

    code = "import sys, edgecls.pictures, edgecls.pixels; print('PIL' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert child.stdout.strip() == b"False"
