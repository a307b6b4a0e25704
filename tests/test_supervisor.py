"""Systemd is told what is so: ready, fed, and how we are; a silent thread ends the process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from edgecls.progress import Progress
from edgecls.service.notify import Notifier
from edgecls.supervisor import Supervisor
from tests.programs import Running, python

SILENT = """
import logging, threading
from edgecls.progress import Progress
from edgecls.service.notify import Notifier
from edgecls.supervisor import Supervisor

logging.basicConfig()
marks = [Progress("camera porch"), Progress("delivery", silence_s=0.2)]
Supervisor(lambda: marks, Notifier(None), is_ready=bool, status=str).run(threading.Event())
"""


class Manager:
    """The socket of a service manager."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(20)
        self.heard: list[str] = []

    def hear_until(self, message: str) -> list[str]:
        """All messages up to the first that begins so."""
        while not (self.heard and self.heard[-1].startswith(message)):
            self.heard.append(self._socket.recv(4096).decode())
        return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with closing(Manager(tmp_path / "notify")) as one:
        yield one


def test_it_is_ready_once_all_is_there_and_feeds_until_the_end(manager: Manager) -> None:
    there, finished = threading.Event(), threading.Event()
    notifier = Notifier(manager.address, watchdog_s=0.03)
    marks = [Progress("camera porch")]
    one = Supervisor(lambda: marks, notifier, is_ready=there.is_set, status=lambda: "porch:\nnone")
    thread = threading.Thread(target=one.run, args=(finished,))
    thread.start()
    before = manager.hear_until("STATUS=")
    assert before == ["WATCHDOG=1", "STATUS=porch: none"]
    there.set()
    assert "READY=1" in manager.hear_until("READY=1")
    finished.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_thread_that_does_nothing_ends_the_process_with_75_and_the_reason(
    tmp_path: Path,
) -> None:
    done = python("-c", SILENT, home=tmp_path)
    assert done.returncode == 75
    assert "delivery: no progress for 0.2 s; ending with status 75" in done.stderr


def test_the_environment_says_who_asks_and_is_left_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "@edgecls")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert Notifier.from_environment().feed_s == 10
    assert "NOTIFY_SOCKET" not in os.environ
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier.from_environment().feed_s is None


def test_nobody_listens_and_nothing_happens(tmp_path: Path) -> None:
    for nobody in (Notifier(None), Notifier(str(tmp_path / "nobody"))):
        nobody.ready()
        nobody.feed()


def test_a_daemon_is_ready_although_there_is_no_broker(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgecls.toml").write_text(
        '[cameras.a]\nsource = "demo:"\n[watches.a]\nmodel = "camera_health_v1"\n'
        '[mqtt]\nurl = "mqtt://127.0.0.1:1"\n'
    )
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    with Running("run", "-c", tmp_path / "edgecls.toml", home=tmp_path) as daemon:
        manager.hear_until("READY=1")
        manager.hear_until("WATCHDOG=1")
        status = manager.hear_until("STATUS=")[-1]
        assert "fps" in status
        assert "broker not connected" in status
        assert daemon.stop()[0] == 0
        assert manager.hear_until("STOPPING=1")


class Clock:
    """Time that passes while the supervisor waits, as it is told."""

    def __init__(self, *waits_s: float) -> None:
        self._now_s, self._waits_s = 1000.0, iter(waits_s)

    def monotonic(self) -> float:
        return self._now_s

    def monotonic_ns(self) -> int:
        return round(self._now_s * 1e9)

    def wait(self, _: float) -> bool:
        wait_s = next(self._waits_s, None)
        self._now_s += wait_s or 0
        return wait_s is None


class Ended(Exception):
    """Instead of the end of the process."""


@pytest.mark.parametrize(
    ("waits_s", "ends"),
    [
        pytest.param([1.0] * 14, False, id="in time"),
        pytest.param([1.0] * 15, True, id="hangs"),
        pytest.param([60.0, *[1.0] * 14], False, id="was stopped"),
        pytest.param([60.0, *[1.0] * 15], True, id="was stopped, and hangs"),
    ],
)
def test_a_process_that_was_stopped_gets_the_usual_time_to_go_on(
    monkeypatch: pytest.MonkeyPatch, waits_s: list[float], ends: bool
) -> None:
    clock = Clock(*waits_s)
    monkeypatch.setattr("edgecls.supervisor.time", clock)
    monkeypatch.setattr("edgecls.progress.time", clock)

    def end(_: int) -> None:
        raise Ended

    monkeypatch.setattr("edgecls.supervisor.os._exit", end)
    mark = Progress("camera porch")
    one = Supervisor(lambda: [mark], Notifier(None), is_ready=bool, status=str)
    with mark.inside("reading"), pytest.raises(Ended) if ends else nullcontext():
        one.run(clock)  # type: ignore[arg-type]
