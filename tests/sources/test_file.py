"""Video files: every frame, in media time, in the right colours."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from edgecls.errors import ConfigError
from edgecls.pixels import ArrayImage, View
from tests.media import BARS, bar_colours, colour_card, film, grey, photo_like
from tests.sources.opening import frames_of, level, opened

LEVELS = [20, 60, 100, 140, 180, 220]


def clip(folder: Path, name: str = "clip.mp4", count: int = 6, fps: int = 10) -> Path:
    return film(folder / name, [grey(LEVELS[n % 6]) for n in range(count)], fps=fps)


def test_every_frame_comes_once_in_order_with_its_media_time(tmp_path: Path) -> None:
    frames = frames_of(f"file:{clip(tmp_path)}")
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.media_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert [frame.moment.decision_s for frame in frames] == [frame.media_s for frame in frames]
    assert [level(frame) for frame in frames] == pytest.approx(LEVELS, abs=4)


def test_a_relative_path_lies_beside_the_configuration(tmp_path: Path) -> None:
    clip(tmp_path, "what? now: this.mp4")
    assert len(frames_of("file:what? now: this.mp4", base=tmp_path)) == 6


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("clip.mp4", "libx264", "yuv420p"),
        ("clip.mkv", "libx264", "yuv444p"),
        ("clip.avi", "mjpeg", "yuvj420p"),
        ("clip.mkv", "ffv1", "bgr0"),
        ("clip.mkv", "ffv1", "yuv422p10le"),
        ("clip.avi", "rawvideo", "bgr24"),
        ("clip.mp4", "mpeg4", "yuv420p"),
        ("clip.avi", "png", "rgb24"),
    ],
)
def test_colours_are_right(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    path = film(tmp_path / name, [colour_card()] * 2, codec=codec, pixel_format=pixel_format)
    for frame in frames_of(f"file:{path}"):
        assert bar_colours(View(96, 96, resize="stretch").see(frame.image)) == BARS


def test_a_photo_kept_without_loss_gives_the_pixels_of_the_photo(tmp_path: Path) -> None:
    photo, view = photo_like(), View(96, 96)
    path = film(tmp_path / "photo.mkv", [photo], codec="ffv1", pixel_format="bgr0")
    (frame,) = frames_of(f"file:{path}")
    difference = view.see(frame.image).astype(int) - view.see(ArrayImage(photo))
    assert np.abs(difference).max() <= 1


def test_odd_sizes_are_read(tmp_path: Path) -> None:
    path = film(tmp_path / "odd.mkv", [colour_card(161, 121)], codec="ffv1", pixel_format="yuv420p")
    (frame,) = frames_of(f"file:{path}")
    assert (frame.image.width, frame.image.height) == (161, 121)
    assert bar_colours(View(97, 33, resize="stretch").see(frame.image)) == BARS


def test_fps_thins_evenly(tmp_path: Path) -> None:
    path = clip(tmp_path, count=30, fps=30)
    times = [frame.media_s for frame in frames_of(f"file:{path}", fps=10)]
    assert times == pytest.approx([n / 10 for n in range(10)], abs=0.002)


def test_fps_above_that_of_the_file_thins_nothing(tmp_path: Path) -> None:
    assert len(frames_of(f"file:{clip(tmp_path)}", fps=10.0)) == 6
    assert len(frames_of(f"file:{clip(tmp_path)}", fps=60)) == 6


def test_of_mjpeg_only_what_is_due_is_decoded(tmp_path: Path) -> None:
    path = film(
        tmp_path / "clip.avi", [grey(99)] * 30, codec="mjpeg", pixel_format="yuvj420p", fps=30
    )
    damaged = bytearray(path.read_bytes())
    start = 0
    # The first picture of each three stays whole; the others would count as broken.
    for number in range(30):
        start = damaged.index(b"\xff\xd8", start)
        end = damaged.index(b"\xff\xd9", start)
        if number % 3:
            damaged[start : end + 2] = bytes(end + 2 - start)
        start = end
    path.write_bytes(damaged)
    source = opened(f"file:{path}", fps=10)
    assert len(list(source.frames())) == 10
    assert source.broken == 0


def test_media_time_rises_on_across_loops(tmp_path: Path) -> None:
    frames = frames_of(f"file:{clip(tmp_path)}?loop=true", limit=20)
    times = [frame.media_s or 0.0 for frame in frames]
    assert times == pytest.approx([n / 10 for n in range(20)], abs=0.002)
    assert level(frames[6]) == pytest.approx(LEVELS[0], abs=4)


def test_a_file_that_was_cut_off_gives_what_is_left_of_it(tmp_path: Path) -> None:
    path = film(
        tmp_path / "clip.mkv", [photo_like(seed=n) for n in range(10)], codec="mjpeg",
        pixel_format="yuvj420p",
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert 1 <= len(frames_of(f"file:{path}")) < 10


def test_a_picture_that_cannot_be_decoded_is_counted_and_skipped(tmp_path: Path) -> None:
    path = film(
        tmp_path / "clip.avi", [photo_like(seed=n) for n in range(6)], codec="mjpeg",
        pixel_format="yuvj420p",
    )  # fmt: skip
    damaged = bytearray(path.read_bytes())
    start = damaged.index(b"\xff\xd8", damaged.index(b"\xff\xd8") + 2)
    damaged[start : start + 600] = bytes(600)
    path.write_bytes(damaged)
    source = opened(f"file:{path}")
    assert len(list(source.frames())) == 5
    assert source.broken == 1


def test_a_missing_file_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"camera porch: no such file: .*gone\.mp4"):
        opened("file:gone.mp4", base=tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_a_file_that_is_no_video_is_an_error_of_the_configuration(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(ConfigError, match=r"clip\.mp4 is no video that FFmpeg can read"):
        opened("file:clip.mp4", base=tmp_path)


def test_a_file_of_sound_alone_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(ConfigError, match="holds no video"):
        opened("file:sound.wav", base=tmp_path)


def test_a_playlist_cannot_reach_out(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(ConfigError, match="no video that FFmpeg can read"):
        opened("file:list.m3u8", base=tmp_path)


def test_at_the_speed_of_its_recording_a_file_waits_on_stop(tmp_path: Path) -> None:
    stop = threading.Event()
    source = opened(f"file:{clip(tmp_path, fps=1)}?realtime=true", stop=stop)
    assert source.live
    frames = source.frames()
    next(frames)
    stop.set()
    assert list(frames) == []


def test_a_limit_ends_it(tmp_path: Path) -> None:
    assert len(frames_of(f"file:{clip(tmp_path)}", limit=2)) == 2
    assert frames_of(f"file:{clip(tmp_path)}", limit=0) == []


def test_turning_is_for_every_source(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", [colour_card()], codec="ffv1", pixel_format="bgr0")
    (frame,) = frames_of(f"file:{path}", rotate=90)
    assert (frame.image.width, frame.image.height) == (120, 160)
    seen = View(96, 96, resize="stretch").see(frame.image)
    assert bar_colours(np.rot90(seen)) == BARS
    (frame,) = frames_of(f"file:{path}", hflip=True)
    assert bar_colours(View(96, 96, resize="stretch").see(frame.image)) == BARS[::-1]


def test_closing_twice_is_once_too_often_but_no_error(tmp_path: Path) -> None:
    source = opened(f"file:{clip(tmp_path)}")
    source.close()
    source.close()
