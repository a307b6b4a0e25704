"""The RTSP source on a real server: killed, frozen, back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgecls.domain import Frame
from edgecls.pixels import View
from edgecls.progress import Progress
from edgecls.settings import CameraSettings
from edgecls.sources.capture import capture

pytestmark = pytest.mark.rig

PYTHON = "/usr/bin/python3"  # the bindings exist for the system's only
PACKAGES = (  # noqa: SIM905 - as one types them
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly gstreamer1.0-rtsp"
).split()
NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0')"


@pytest.fixture(scope="module")
def serve(rigs: Path) -> Path:
    """The server's script, with what it needs installed."""
    ready = subprocess.run([PYTHON, "-c", NEEDS], capture_output=True, check=False)
    if ready.returncode:
        if shutil.which("apt-get") is None:
            pytest.skip("the RTSP server needs Debian's GStreamer packages")
        install = ["apt-get", "install", "-y", "-qq", *PACKAGES]
        done = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            pytest.skip(f"apt-get cannot install GStreamer: {done.stderr.strip()[-200:]}")
    return rigs / "rtsp" / "serve.py"


class Server:
    """A server that can be killed, frozen and started again on the same port."""

    def __init__(self, script: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.script = script
        self.url = f"rtsp://127.0.0.1:{self.port}/test"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [PYTHON, str(self.script), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Diary:
    """An inbox on whose entries a test can wait."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.frames: list[Frame] = []
        self.losses: list[str] = []

    def put(self, frame: Frame) -> bool:
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()
        return True

    def lost(self, message: str) -> None:
        with self.changed:
            self.losses.append(message)
            self.changed.notify_all()

    def broken(self, frames: int) -> None:
        pass

    def ended(self) -> None:
        raise AssertionError

    def wait(self, what: Callable[[], bool], timeout_s: float) -> None:
        with self.changed:
            assert self.changed.wait_for(what, timeout_s), (len(self.frames), self.losses)

    def wait_for_frames(self, more: int, timeout_s: float) -> None:
        goal = len(self.frames) + more
        self.wait(lambda: len(self.frames) >= goal, timeout_s)


@contextmanager
def watched(url: str) -> Iterator[Diary]:
    """A camera's thread on that URL, at 10 of its 15 frames per second."""
    stop, diary = threading.Event(), Diary()
    settings = CameraSettings(source=url, fps=10.0, stall_timeout_s=3.0)
    thread = threading.Thread(
        target=capture,
        args=("porch", settings, list, diary, stop, Progress("porch")),
        kwargs={"base": Path()},
    )
    thread.start()
    try:
        yield diary
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def server(serve: Path) -> Iterator[Server]:
    running = Server(serve)
    yield running
    running.process.send_signal(signal.SIGCONT)
    running.kill()


def test_frames_come_at_the_asked_rate_and_stay_fresh(server: Server) -> None:
    with watched(server.url) as diary:
        diary.wait_for_frames(60, 20)
    frames = diary.frames[10:60]
    between_s = (frames[-1].captured_ns - frames[0].captured_ns) / 1e9
    assert (len(frames) - 1) / between_s == pytest.approx(10, rel=0.1)
    assert (frames[0].image.width, frames[0].image.height) == (1280, 720)
    seen = View(128, 72, resize="stretch").see(frames[-1].image)
    # A white ball on black.
    assert seen.max() > 200
    assert seen.mean() < 60


def test_a_killed_server_is_noticed_and_found_again(server: Server) -> None:
    with watched(server.url) as diary:
        diary.wait_for_frames(5, 20)
        server.kill()
        diary.wait(lambda: bool(diary.losses), 5)
        server.start()
        diary.wait_for_frames(5, 20)
    assert diary.losses[0].startswith(f"camera porch: {server.url}: ")
    assert [frame.index for frame in diary.frames] == list(range(len(diary.frames)))


def test_a_frozen_server_is_noticed_and_found_again(server: Server) -> None:
    with watched(server.url) as diary:
        diary.wait_for_frames(5, 20)
        os.kill(server.process.pid, signal.SIGSTOP)
        diary.wait(lambda: bool(diary.losses), 10)
        os.kill(server.process.pid, signal.SIGCONT)
        diary.wait_for_frames(5, 30)
    assert diary.losses[0] == f"camera porch: {server.url}: no answer in time"
