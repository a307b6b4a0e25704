"""The picamera2 source on the real picamera2 and libcamera, with libcamera's virtual camera."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.conftest import PROJECT

pytestmark = pytest.mark.rig

# As libcamera's virtual camera draws them; they wander from frame to frame.
BARS = {
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "green": (0, 255, 0),
    "magenta": (255, 0, 255),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
}

Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def play(rigs: Path, rig_cache: Path) -> Play:
    """Plays a scene of inside_camera.py in the rig."""
    root = rig_cache / "camera"
    made = subprocess.run(
        ["bash", str(rigs / "camera" / "make-root"), str(root)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"the rig cannot be made: {made.stderr.strip().splitlines()[-1:]}")

    def run(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(rigs / "camera" / "run"), str(root), "python", "-B",
             "/project/tests/rigs/inside_camera.py", name],
            capture_output=True, text=True, timeout=90, check=False,
            env={**os.environ, "PROJECT": str(PROJECT), **environment},
        )  # fmt: skip

    return run


def seen_in(play: Play, scene: str) -> Any:
    """What a scene saw."""
    played = play(scene)
    assert played.returncode == 0, played.stderr
    return json.loads(played.stdout.splitlines()[-1])


def bars_of(row: list[list[int]]) -> list[str]:
    """The names of the bars along a row of pixels, from the white one on; borders are left out."""
    seen: list[str] = []
    for pixel in row:
        for name, colour in BARS.items():
            if pixel == pytest.approx(colour, abs=15) and seen[-1:] != [name]:
                seen.append(name)
    if len(seen) > 1 and seen[0] == seen[-1]:
        seen.pop()
    start = seen.index("white")
    return seen[start:] + seen[:start]


def test_frames_come_at_the_asked_rate_in_their_colours(play: Play) -> None:
    seen = seen_in(play, "frames")
    assert seen["model"]["fps"] == pytest.approx(15, rel=0.1)
    assert seen["model"]["size"] == [224, 224]
    assert bars_of(seen["model"]["row"]) == list(BARS)
    assert seen["region"]["fps"] == pytest.approx(10, rel=0.1)
    assert seen["region"]["size"] == [640, 480]
    assert bars_of(seen["region"]["row"]) == list(BARS)
    assert seen["turned"]["fps"] == pytest.approx(30, rel=0.1)
    assert bars_of(seen["turned"]["row"]) == ["white", *list(BARS)[:0:-1]]
    assert all(0 <= age_ms < 500 for age_ms in seen["model"]["ages_ms"])


def test_a_freeze_is_noticed_and_the_camera_opened_again(play: Play) -> None:
    seen = seen_in(play, "freeze")
    assert seen["message"].startswith("camera porch: picamera2:0 gave no frame for 1.5 s")
    assert 1.4 <= seen["noticed_s"] <= 3
    assert seen["back_s"] < 5
    assert seen["frames"] == 20


def test_a_sensor_that_never_lets_go_ends_the_process_with_status_75(
    play: Play, rig_cache: Path
) -> None:
    frozen = rig_cache / "camera" / "frozen"
    frozen.unlink(missing_ok=True)
    try:
        played = play("hang", VCAM_STALL="/frozen")
    finally:
        frozen.unlink(missing_ok=True)
    assert played.returncode == 75, played.stderr
    assert "picamera2:0 gave no frame for 1 s" in played.stdout


def test_a_hundred_captures_that_time_out_leave_the_camera_healthy(play: Play) -> None:
    seen = seen_in(play, "timeouts")
    assert seen["timed_out"] == 100
    assert seen["taken"] >= 100
    assert seen["fps"] == pytest.approx(30, rel=0.1)


def test_what_is_not_there_is_said(play: Play) -> None:
    said = seen_in(play, "missing")
    assert said["camera"].startswith("SourceLost: picamera2:3: there is no such camera; found: 0:")
    assert said["control"].startswith(
        "ConfigError: [cameras.porch] controls: this camera has no 'Brightnes'; it has: Face"
    )
