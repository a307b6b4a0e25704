"""A camera's thread: frames go to the inbox, a lost source is opened again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from edgecls.domain import Frame
from edgecls.errors import ConfigError
from edgecls.progress import Progress
from edgecls.settings import CameraSettings
from edgecls.sources.capture import capture
from tests.media import film, grey
from tests.sources.server import http_camera


class Diary:
    """An inbox that writes down what it is told."""

    def __init__(self, enough: int | None = None, stop: threading.Event | None = None) -> None:
        self.told: list[str] = []
        self.frames: list[Frame] = []
        self._enough, self._stop = enough, stop

    def put(self, frame: Frame) -> bool:
        self.frames.append(frame)
        self.told.append("frame")
        if self._stop is not None and len(self.frames) == self._enough:
            self._stop.set()
        return True

    def broken(self, frames: int) -> None:
        self.told.append(f"broken {frames}")

    def lost(self, message: str) -> None:
        self.told.append("lost")

    def ended(self) -> None:
        self.told.append("ended")


class Waits(threading.Event):
    """A stop that notes how long it was waited for instead of waiting; set after so many waits."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        if len(self.waits) >= self._most:
            self.set()
        return self.is_set()


def run(
    source: str,
    diary: Diary,
    stop: threading.Event,
    *,
    base: Path = Path(),
    frame_limit: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    settings = CameraSettings(source=source, fps=100, stall_timeout_s=1)
    capture(
        "porch", settings, list, diary, stop, Progress("porch"), base=base,
        frame_limit=frame_limit, clock=clock,
    )  # fmt: skip


def test_a_file_is_handed_over_frame_by_frame_and_ends(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4", [grey(50)] * 3)
    diary = Diary()
    run("file:clip.mp4", diary, threading.Event(), base=tmp_path)
    assert diary.told == ["frame"] * 3 + ["ended"]


def test_broken_pictures_are_told_even_the_last_one(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "1.png").write_bytes(b"broken")
    Image.fromarray(grey(9)).save(tmp_path / "2.png")
    (tmp_path / "3.png").write_bytes(b"broken")
    diary = Diary()
    run(f"dir:{tmp_path}", diary, threading.Event())
    assert diary.told == ["broken 1", "frame", "broken 1", "ended"]


def test_tries_grow_rarer_up_to_a_minute_and_are_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop, diary = Waits(most=9), Diary()
    with caplog.at_level(logging.INFO):
        run("v4l2:/dev/video99", diary, stop)
    assert stop.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert diary.told == ["lost"] * 9
    assert [record.getMessage() for record in caplog.records] == [
        "camera porch lost: /dev/video99: No such file or directory; trying again in 1 s"
    ]


def test_a_camera_that_comes_back_goes_on_counting(caplog: pytest.LogCaptureFixture) -> None:
    stop = Waits()
    diary = Diary(enough=7, stop=stop)
    with caplog.at_level(logging.INFO), http_camera([grey(50)] * 4, then="die") as camera:
        run(camera.url, diary, stop)
    assert [frame.index for frame in diary.frames] == list(range(7))
    assert "lost" in diary.told
    assert stop.waits == [1, 2, 4][: len(stop.waits)], "it comes and goes: it gets rarer"
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].endswith("the stream broke off; trying again in 1 s")
    assert messages[1].startswith("camera porch back after ")
    assert diary.told[-1] == "frame", "nothing has ended: it was told to stop"


def test_ten_good_seconds_make_the_waits_begin_anew() -> None:
    stop, seconds = Waits(), count(step=11)
    diary = Diary(enough=30, stop=stop)
    # Enough of them that two of each connection get here, whatever else the machine does.
    with http_camera([grey(50)] * 12, then="die") as camera:
        run(camera.url, diary, stop, clock=lambda: float(next(seconds)))
    assert set(stop.waits) == {1}


def test_an_error_of_the_configuration_is_not_tried_again(tmp_path: Path) -> None:
    stop = Waits()
    with pytest.raises(ConfigError):
        run("file:gone.mp4", Diary(), stop, base=tmp_path)
    assert stop.waits == []


def test_a_limit_counts_all_frames_of_a_camera() -> None:
    diary = Diary()
    with http_camera([grey(50)] * 3, then="die") as camera:
        run(camera.url, diary, Waits(), frame_limit=5)
    assert len(diary.frames) == 5
    assert diary.told[-1] == "ended"


def test_a_native_call_that_hangs_is_named() -> None:
    progress = Progress("camera porch")
    with progress.inside("reading rtsp://cam/", 20):
        now_ns = progress._inside[1] if progress._inside else 0
        assert progress.overdue(15, now_ns + int(16e9)) is None
        sentence = progress.overdue(15, now_ns + int(21e9))
    assert sentence == "camera porch: reading rtsp://cam/ did not return within 20 s"
    assert progress.overdue(15, now_ns + int(1e12)) is None


def test_media_time_rises_on_when_a_file_is_opened_again(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", [grey(50)] * 5)
    whole = path.read_bytes()
    stop = threading.Event()

    class Thief(Diary):
        """Takes the file away at the end of its second round, and brings it back when missed."""

        def put(self, frame: Frame) -> bool:
            super().put(frame)
            if len(self.frames) == 10:
                path.unlink()
            if len(self.frames) == 20:
                stop.set()
            return True

        def lost(self, message: str) -> None:
            super().lost(message)
            path.write_bytes(whole)

    diary = Thief()
    settings = CameraSettings(source=f"file:{path}?loop=true")
    capture("porch", settings, list, diary, stop, Progress("porch"), base=tmp_path)
    assert "lost" in diary.told
    media_s = [frame.media_s or 0.0 for frame in diary.frames]
    assert media_s == sorted(set(media_s))


def test_every_frame_is_progress(tmp_path: Path) -> None:
    class Counting(Progress):
        steps = 0

        def step(self) -> None:
            self.steps += 1

    film(tmp_path / "clip.mp4", [grey(50)] * 3)
    progress, stop = Counting("porch"), threading.Event()
    settings = CameraSettings(source="file:clip.mp4")
    capture("porch", settings, list, Diary(stop=stop), stop, progress, base=tmp_path)
    assert progress.steps == 3
