"""Runs inside the rig `camera`: our picamera2 source on the real picamera2.

Prints one JSON object with what was seen; the test outside judges it. Usage: inside_camera.py NAME
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:0] = ["/rig", "/project"]

import vcam  # type: ignore[import-not-found]  # before picamera2  # noqa: E402

from edgecls.domain import Frame  # noqa: E402
from edgecls.errors import SourceLost  # noqa: E402
from edgecls.pixels import View  # noqa: E402
from edgecls.progress import Progress  # noqa: E402
from edgecls.settings import CameraSettings  # noqa: E402
from edgecls.sources import open_source  # noqa: E402
from edgecls.sources.base import Wanted  # noqa: E402
from edgecls.sources.capture import capture  # noqa: E402
from edgecls.sources.picamera import PiCameraOrigin  # noqa: E402

CAMERA = "picamera2:0"


def seen(views: list[View], fps: float, **settings: Any) -> dict[str, Any]:
    """Rate, age and the colours from left to right of 45 frames."""
    source = open_source(
        "porch",
        CameraSettings(source=CAMERA, fps=fps, **settings),
        views,
        base=Path(),
        stop=threading.Event(),
        frame_limit=45,
    )
    frames = list(source.frames())
    source.close()
    pixels = View(160, 120, resize="stretch").see(frames[-1].image)
    between_s = (frames[-1].captured_ns - frames[0].captured_ns) / 1e9
    return {
        "fps": (len(frames) - 1) / between_s,
        "size": [frames[-1].image.width, frames[-1].image.height],
        "row": pixels[30].tolist(),
        "ages_ms": [round((frame.handed_ns - frame.captured_ns) / 1e6) for frame in frames],
    }


def frames() -> dict[str, Any]:
    """Both ways to ask: the model's size, and the whole picture for a region."""
    return {
        "model": seen([View(224, 224)], 15.0),
        "region": seen([View(96, 96, region=(0, 0, 0.5, 1))], 10.0, size="640x480"),
        "turned": seen([View(96, 96, resize="stretch")], 30.0, size="640x480", rotate=180),
    }


class Diary:
    """Freezes the camera after ten frames, thaws it when it was noticed, ends after ten more."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.count = 0
        self.frozen_s = self.lost_s = self.back_s = 0.0
        self.message = ""

    def put(self, frame: Frame) -> bool:
        self.count += 1
        if self.count == 10:
            vcam.stalled = True
            self.frozen_s = time.monotonic()
        if self.message and not self.back_s:
            self.back_s = time.monotonic()
        if self.count == 20:
            self.stop.set()
        return True

    def broken(self, frames: int) -> None:
        raise AssertionError

    def lost(self, message: str) -> None:
        self.message, self.lost_s = message, time.monotonic()
        vcam.stalled = False

    def ended(self) -> None:
        raise AssertionError


def freeze() -> dict[str, Any]:
    """The camera stops sending, is noticed, closed, opened again and sends."""
    stop = threading.Event()
    diary = Diary(stop)
    settings = CameraSettings(source=CAMERA, size="640x480", stall_timeout_s=1.5)
    capture("porch", settings, list, diary, stop, Progress("porch"), base=Path())
    return {
        "frames": diary.count,
        "message": diary.message,
        "noticed_s": diary.lost_s - diary.frozen_s,
        "back_s": diary.back_s - diary.lost_s,
    }


class Freezer(Diary):
    """Freezes the sensor itself, for good: libcamera then does not return from stopping it."""

    def put(self, frame: Frame) -> bool:
        self.count += 1
        if self.count == 10:
            Path(os.environ["VCAM_STALL"]).touch()
        return True

    def lost(self, message: str) -> None:
        print(message, flush=True)


def hang() -> dict[str, Any]:
    """Ends this process with status 75, unless something is wrong."""
    stop = threading.Event()
    settings = CameraSettings(source=CAMERA, size="640x480", stall_timeout_s=1.0)
    capture("porch", settings, list, Freezer(stop), stop, Progress("porch"), base=Path())
    return {}


def timeouts() -> dict[str, Any]:
    """A hundred captures that time out between a hundred that do not; then the rate."""
    wanted = Wanted("porch", CameraSettings(source=CAMERA, size="640x480", fps=30.0))
    origin = PiCameraOrigin(0, wanted)
    dice = random.Random(1)
    timed_out = taken = 0
    while timed_out < 100:
        try:
            request = origin.take(dice.uniform(0, 0.02))
        except SourceLost:
            timed_out += 1
            request = origin.take(5.0)
        assert request is not None
        request.release()
        taken += 1
    started_s = time.monotonic()
    for shot, _ in zip(origin.shots(), range(30), strict=False):
        assert shot.image.width == 640
    fps = 30 / (time.monotonic() - started_s)
    origin.close()
    origin.close()
    return {"timed_out": timed_out, "taken": taken, "fps": fps}


def missing() -> dict[str, Any]:
    """A camera that is not there, and a control that it does not have."""
    wrong: dict[str, Any] = {}
    for name, settings in {
        "camera": CameraSettings(source="picamera2:3"),
        "control": CameraSettings(source=CAMERA, controls={"Brightnes": 1}),
    }.items():
        try:
            open_source("porch", settings, [], base=Path(), stop=threading.Event())
        except (OSError, ValueError) as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    return wrong


if __name__ == "__main__":
    scenes = {scene.__name__: scene for scene in (frames, freeze, hang, timeouts, missing)}
    print(json.dumps(scenes[sys.argv[1]]()))
