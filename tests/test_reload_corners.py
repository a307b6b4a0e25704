"""SIGHUP at bad moments, with odd files, beside commands, between brokers."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgecls.config import load
from edgecls.daemon import Daemon, Signals
from edgecls.delivery.payloads import encode
from edgecls.redaction import spoken
from edgecls.reload import Reload
from edgecls.service.notify import Notifier
from edgecls.settings import DeviceSettings
from edgecls.succession import Plan
from tests.brokers import MakeMosquitto, MakeSubscriber, Mosquitto, wait_until
from tests.programs import edgecls
from tests.subscriber import Subscriber
from tests.test_reload import BASE, Board, board, ear, end_of, is_dark, last, of, texts
from tests.test_supervisor import Manager

__all__ = ["board", "ear"]  # fixtures


@pytest.fixture
def silent() -> Iterator[str]:
    """The source of a camera that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f'source = "rtsp://127.0.0.1:{server.getsockname()[1]}/x"\nstall_timeout_s = 1'


def two(board: Board, silent: str) -> None:
    """The porch, and a yard that gives nothing."""
    board.cameras["yard"] = silent
    board.watches = {name: f'camera = "{name}"\n' + board.watch() for name in ("porch", "yard")}


def test_a_watch_that_is_moved_to_a_stalled_camera_ends_its_state(
    board: Board, ear: Subscriber, silent: str
) -> None:
    two(board, silent)
    with board.running() as daemon:
        ear.wait_for(last("health", lambda h: h["reasons"] == ["camera_stalled:yard"]), 40)
        ear.wait_for(last("porch/state", is_dark))
        board.cameras["third"] = board.live("porch")
        board.watches["third"] = 'camera = "third"\n' + board.watch()
        board.watches["porch"] = 'camera = "yard"\n' + board.watch()
        board.reload(daemon)
        seen = ear.wait_for(lambda found: len(of(found, "porch/event")) == 2)
        assert of(seen, "porch/event")[-1]["reason"] == "camera_stalled"
        assert texts(seen, "porch/label/dark")[-1] == "OFF"
        end_of(daemon)


def test_a_watch_that_sees_nothing_yet_has_a_state_all_the_same(
    board: Board, ear: Subscriber, silent: str
) -> None:
    two(board, silent)
    with board.running() as daemon:
        ear.wait_for(last("health", lambda h: h["reasons"] == ["camera_stalled:yard"]), 40)
        ear.wait_for(last("porch/state", is_dark))
        for name in ("gate", "door"):
            board.watches[name] = 'camera = "yard"\n' + board.watch()
            board.reload(daemon)
            ear.wait_for(last(f"{name}/state", lambda state: state["label"] == "none"))
            assert texts(ear.messages, f"{name}/label/dark") == ["OFF"]
        gate = board.watches.pop("gate")
        board.reload(daemon)
        ear.wait_for(last("gate/state", lambda state: state is None))
        board.watches["gate"] = gate
        board.reload(daemon)
        ear.wait_for(last("gate/state", lambda state: state is not None))
        end_of(daemon)


def test_a_new_camera_does_not_wait_for_one_that_is_still_being_opened(
    board: Board, ear: Subscriber, silent: str
) -> None:
    two(board, silent.replace("stall_timeout_s = 1", "stall_timeout_s = 50"))
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.cameras["yard"] = board.live("porch")
        board.reload(daemon)
        ear.wait_for(last("yard/state", is_dark))
        end_of(daemon)


def test_what_was_set_never_refuses_a_good_file(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        ear.publish(f"{BASE}porch/set/min_score", "0.3")
        ear.wait_for(last("config", lambda c: c["watches"]["porch"]["min_score"] == 0.3))
        board.watches["porch"] = board.watch(decision="leave_score = 0.5")  # above what was set
        board.reload(daemon)
        ear.wait_for(last("config", lambda c: c["watches"]["porch"]["min_score"] == 0.6))
        assert of(ear.messages, "health")[-1]["ok"]
        end_of(daemon)


def test_a_reload_that_was_overtaken_each_time_has_the_loop_wait_for_no_load(
    tmp_path: Path,
) -> None:
    """In the end the loop plans itself: by then the engines are in use for it, and for nobody who
    loads something else."""
    board = Board(tmp_path)
    board.write()
    config = replace(load(board.file), device=DeviceSettings(state_dir=str(tmp_path / "state")))
    daemon = Daemon(config, Signals(), remembers=False)
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
    in_use = []

    class Overtaken:
        def take_place(self, _: Plan) -> bool:
            in_use.append(daemon.engines.in_use.locked())
            return len(in_use) > 3

    with ThreadPoolExecutor(1) as loop:
        turns = SimpleNamespace(soon=loop.submit, stopped=daemon.stopped)
        reload = Reload(
            board.file, asked, daemon.running, daemon.engines, turns,  # type: ignore[arg-type]
            daemon.health, daemon.notifier, Overtaken(), daemon.keepers,  # type: ignore[arg-type]
            reachable=lambda mqtt: mqtt, finished=daemon.finished,
        )  # fmt: skip
        thread = threading.Thread(target=reload.run)
        thread.start()
        asked.put(True)
        wait_until(lambda: len(in_use) == 4, "the last try")
        asked.put(False)
        thread.join()
    assert in_use == [False, False, False, True]
    assert not daemon.engines.in_use.locked()


def test_topics_do_not_stay_on_a_broker_that_is_left_and_met_again(
    board: Board, ear: Subscriber, make_mosquitto: MakeMosquitto, make_subscriber: MakeSubscriber
) -> None:
    other = make_mosquitto().start()
    there = make_subscriber(other.port, "#")
    board.watches["gate"] = board.watch()
    with board.running() as daemon:
        ear.wait_for(last("gate/state", is_dark))
        home, board.mqtt = board.mqtt, f'url = "{other.url}"'
        del board.watches["gate"]
        board.reload(daemon)
        there.wait_for(last("porch/state", is_dark))
        board.mqtt = home
        board.reload(daemon)
        ear.wait_for(last("gate/state", lambda state: state is None), 30)
        ear.wait_for(lambda found: texts(found, "gate/label/dark")[-1] == "")
        end_of(daemon)


@pytest.mark.parametrize("keys", ['ca_file = "nowhere.pem"', 'cert_file = "a"\nkey_file = "b"'])
def test_a_certificate_that_is_missing_is_refused_also_where_nobody_asks_for_it(
    keys: str, board: Board, ear: Subscriber
) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.mqtt += f"\n{keys}"
        board.reload(daemon)
        ear.wait_for(last("health", lambda h: h["reasons"] == ["config_refused"]))
        end_of(daemon)
    done = edgecls("run", "-c", board.file, home=board.folder)
    assert done.returncode == 78, done.stderr


@pytest.mark.parametrize("odd", ["pipe", "folder", "gone", "huge", "bytes"])
def test_what_is_no_file_is_refused_and_the_next_one_is_taken(
    odd: str, board: Board, ear: Subscriber
) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        board.file.unlink()
        match odd:
            case "pipe":
                os.mkfifo(board.file)
            case "folder":
                board.file.mkdir()
            case "huge":
                board.file.write_text("# nothing\n" * 200_000)
            case "bytes":
                board.file.write_bytes(b"\xff\xfe\x00")
        daemon.process.send_signal(signal.SIGHUP)
        ear.wait_for(last("health", lambda h: h["reasons"] == ["config_refused"]))
        if odd == "folder":
            board.file.rmdir()
        board.reload(daemon)
        ear.wait_for(last("health", lambda h: h["ok"]))
        end_of(daemon)


def test_no_login_is_told_on_a_topic(board: Board, ear: Subscriber, mosquitto: Mosquitto) -> None:
    with board.running() as daemon:
        ear.wait_for(last("porch/state", is_dark))
        for mqtt in ([
            'url = "mqtt://u:hunter2"', 'url = "mqtt://x"\nusername = { password = "hunter2" }',
            'url = "mqtt://x"\nusername = "u"\npassword_file = "hunter2"', 'hunter2 = "url"',
            f'url = "mqtt://{"u" * 60}:hunter2@cam"',
        ]):  # fmt: skip
            board.mqtt = mqtt
            board.reload(daemon)
            ear.wait_for(last("health", lambda h: not h["ok"]))
            board.mqtt = f'url = "{mosquitto.url}"'
            board.reload(daemon)
            ear.wait_for(last("health", lambda h: h["ok"]))
        board.cameras["porch"] = 'source = "rtsp:/u:hunter2@cam"'
        board.reload(daemon)
        ear.wait_for(last("health", lambda h: not h["ok"]))
        assert not [m for m in ear.messages if b"hunter2" in m.payload]
        daemon.stop()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("rtsp:/u:hunter2@cam", "rtsp:/cam"),
        ("no source: 'u:hunter2@cam'", "no source: 'cam'"),
        ("at 12:30 a@b", "at 12:30 a@b"),
        ("/dev/x:1@2", "/dev/x:1@2"),
    ],
)
def test_what_was_to_be_a_url_loses_its_login_too(said: str, told: str) -> None:
    assert spoken(said) == told


def test_the_manager_is_told_in_short_whatever_it_is(tmp_path: Path) -> None:
    with closing(Manager(tmp_path / "notify")) as manager:
        notifier = Notifier(manager.address)
        notifier.ready()
        notifier.reloaded("caf\udce9 " * 2000)
        manager.hear_until("READY=1")
        assert 500 < len(manager.hear_until("STATUS=caf? caf?")[-1]) < 4096
    assert encode({"file": "caf\udce9"}) == b'{"file":"caf?"}'


def test_a_hangup_while_python_imports_or_ends_kills_nothing(board: Board, ear: Subscriber) -> None:
    with board.running() as daemon:
        status = Path(f"/proc/{daemon.process.pid}/status")
        wait_until(lambda: ignores_hangups(status.read_text()), "the first lines of Python", 20)
        while not texts(ear.messages, "status") and daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGHUP)
        ear.wait_for(last("porch/state", is_dark))
        daemon.process.send_signal(signal.SIGTERM)
        while daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGHUP)
        assert daemon.process.returncode == 0


def ignores_hangups(status: str) -> bool:
    (mask,) = re.findall(r"^SigIgn:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(mask, 16) & 1 << (signal.SIGHUP - 1))
