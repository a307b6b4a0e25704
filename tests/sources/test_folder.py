"""Folders of pictures."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecls.errors import ConfigError
from edgecls.pixels import View
from tests.media import BARS, bar_colours, colour_card, grey
from tests.sources.opening import frames_of, level, opened

VIEW = View(96, 96, resize="stretch")


def save(path: Path, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    Image.fromarray(pixels).save(path)


def test_pictures_come_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1):
        save(tmp_path / f"frame-{number}.png", grey(2 * number))
    assert [level(frame) for frame in frames_of(f"dir:{tmp_path}")] == [2, 18, 20, 200]


def test_media_time_is_index_over_fps(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.bmp", grey(50))
    assert [f.media_s for f in frames_of(f"dir:{tmp_path}?fps=2")] == [0, 0.5, 1, 1.5]
    assert [f.media_s for f in frames_of(f"dir:{tmp_path}")] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [f.media_s for f in frames_of(f"dir:{tmp_path}?fps=2", fps=1)] == [0, 1]


def test_media_time_rises_on_across_loops(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", grey(50))
    frames = frames_of(f"dir:{tmp_path}?loop=true&fps=1", limit=7)
    assert [frame.media_s for frame in frames] == [0, 1, 2, 3, 4, 5, 6]


def test_every_kind_of_picture_has_its_colours(tmp_path: Path) -> None:
    card = Image.fromarray(colour_card())
    card.save(tmp_path / "a.jpg", quality=95)
    card.save(tmp_path / "b.PNG")
    card.save(tmp_path / "c.bmp")
    card.save(tmp_path / "d.webp", lossless=True)
    card.convert("RGBA").save(tmp_path / "e.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise by the one who looks
    card.rotate(90, expand=True).save(tmp_path / "f.jpeg", quality=95, exif=exif)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    frames = frames_of(f"dir:{tmp_path}")
    assert [bar_colours(VIEW.see(frame.image)) for frame in frames] == [BARS] * 6


def test_grey_and_cmyk_are_pictures_too(tmp_path: Path) -> None:
    Image.new("L", (40, 30), 90).save(tmp_path / "a.jpg")
    Image.new("CMYK", (40, 30), (0, 0, 0, 0)).save(tmp_path / "b.jpg")
    assert [level(f) for f in frames_of(f"dir:{tmp_path}")] == pytest.approx([90, 255], abs=3)


def test_a_broken_picture_is_counted_told_once_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "1.png", grey(10))
    (tmp_path / "2.png").write_bytes(b"broken")
    save(tmp_path / "3.png", grey(30))
    source = opened(f"dir:{tmp_path}?loop=true", limit=6)
    with caplog.at_level(logging.WARNING):
        times = [frame.media_s for frame in source.frames()]
    assert times == pytest.approx([0, 0.2, 0.3, 0.5, 0.6, 0.8])
    assert source.broken == 3
    assert caplog.text.count("2.png") == 1


def test_a_folder_in_which_nothing_can_be_read_does_not_loop_for_ever(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"broken")
    with pytest.raises(ConfigError, match=r"no picture in .* can be read"):
        frames_of(f"dir:{tmp_path}?loop=true")


def test_a_missing_or_empty_folder_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"camera porch: no such folder: .*gone"):
        opened("dir:gone", base=tmp_path)
    with pytest.raises(ConfigError, match="no pictures"):
        opened("dir:.", base=tmp_path)
