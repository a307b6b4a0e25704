"""The drawn scene as a camera."""

from __future__ import annotations

import threading

from edgecls.pixels import View
from tests.sources.opening import opened


def test_the_scene_is_a_live_camera() -> None:
    source = opened("demo:", limit=2, fps=200)
    assert source.live
    first, second = source.frames()
    assert first.media_s is None
    assert second.captured_ns > first.captured_ns
    assert View(96, 96).see(first.image).shape == (96, 96, 3)


def test_it_ends_when_the_daemon_stops() -> None:
    stop = threading.Event()
    frames = opened("demo:", stop=stop, fps=0.1).frames()
    next(frames)
    stop.set()
    assert list(frames) == []
