"""The daemon keeps pictures: where it was told to, as many as may be, and at no other's cost."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecls.assembly import views_of
from edgecls.config import parse
from edgecls.daemon import Daemon, RunOptions, Signals
from edgecls.dataset import read_dataset
from edgecls.domain import Outcome, Pixels
from edgecls.errors import UsageError
from edgecls.pictures import read_picture
from edgecls.sources.isp import Stream, stream_for
from tests.brokers import MakeSubscriber, Mosquitto, wait_until
from tests.collecting.pictures import names
from tests.media import jpeg, photo_like
from tests.programs import python
from tests.schemas import assert_described
from tests.subscriber import Message, Subscriber
from tests.torture.board import Board, Life, board
from tests.torture.consumer import BASE, says_online_again
from tests.torture.disk import file_system

SCENES = [jpeg(photo_like(160, 120, seed)) for seed in range(40)]  # none is like another
NEVER_SURE = {"confirm": "1 of 1", "min_score": 1.0}
COMMANDS = ["ping", "collect"]


@pytest.fixture
def porch(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Board]:
    """A board before whose camera much happens, all of it ambiguous."""
    with board(tmp_path, mosquitto.url) as one:
        one.camera.pictures = SCENES
        one.watch = {"model": "first"}
        one.decision = NEVER_SURE
        one.mqtt |= {"commands": COMMANDS}
        one.more = "[stats]\ninterval_s = 1\n"
        yield one


def ambiguous(porch: Board) -> Path:
    return porch.state_dir / "ambiguous-board/porch"


def collected(porch: Board) -> Path:
    return porch.state_dir / "collected-board/porch"


def jpegs(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith(".jpg")]


def hang_up(porch: Board, one: Life) -> None:
    """Have it read its configuration again, and wait until it has."""
    before = one.log.count("configuration reloaded")
    assert porch.config.exists()
    one.process.send_signal(signal.SIGHUP)
    wait_until(lambda: one.log.count("configuration reloaded") > before, "it is reloaded")


_numbers = count()


def ask(subscriber: Subscriber, **asked: Any) -> Any:
    """The one answer to a request for pictures."""
    transaction = f"t{next(_numbers)}"
    payload = json.dumps({"transaction": transaction, **asked})
    subscriber.publish(f"{BASE}/request/collect", payload)

    def answers(found: list[Message]) -> list[Message]:
        responses = [m for m in found if m.topic == f"{BASE}/response/collect"]
        return [each for each in responses if each.json["transaction"] == transaction]

    (answer,) = answers(subscriber.wait_for(lambda found: bool(answers(found))))
    assert_described(answer)
    return answer.json


def test_ambiguous_frames_are_kept_as_long_as_the_configuration_says_so(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/stats")
    with porch.life() as one:
        subscriber.wait_for(lambda found: len(found) >= 2)
        assert names(ambiguous(porch)) == []

        porch.watch["collect"] = True
        hang_up(porch, one)
        wait_until(lambda: len(jpegs(ambiguous(porch))) >= 2, "two pictures are kept")
        told = subscriber.wait_for(lambda found: "pictures" in found[-1].json)[-1]
        assert_described(told)
        assert told.json["pictures"]["kept"] >= 1

        porch.watch["collect"] = False
        hang_up(porch, one)
        some_stats_later(subscriber)  # what waited is written
        there = jpegs(ambiguous(porch))
        later = some_stats_later(subscriber)
        assert jpegs(ambiguous(porch)) == there
        assert later.json["pictures"]["kept"] == len(there)
        assert one.stop() == 0
    assert not collected(porch).exists()
    assert "no effect" not in one.log
    assert {path.stat().st_mode & 0o777 for path in ambiguous(porch).iterdir()} == {0o600}
    assert ambiguous(porch).stat().st_mode & 0o777 == 0o700
    with pytest.raises(UsageError, match="holds no folders with pictures"):
        read_dataset(ambiguous(porch))


def some_stats_later(subscriber: Subscriber) -> Message:
    now = len(subscriber.messages)
    return subscriber.wait_for(lambda found: len(found) >= now + 2)[-1]


def porch_port(porch: Board) -> int:
    return int(porch.mqtt["url"].rsplit(":", 1)[1])


def test_what_is_asked_for_is_kept_under_its_label(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    with porch.life() as one:
        says_online_again(subscriber, 1)
        answer = ask(subscriber, watch="porch", label="gate open", count=4, every_s=0.3)
        folder = collected(porch) / "gate open"
        assert answer["data"] == {"folder": str(folder), "count": 4, "every_s": 0.3}
        again = ask(subscriber, watch="porch", label="closed")
        assert "pictures of 'gate open' are being taken: " in again["error"]
        one.says("watch porch: 4 pictures of gate open taken: ")
        assert ask(subscriber, watch="porch", label="none")["status"] == "ok"
        one.says("watch porch: 1 pictures of none taken: 1 kept")
        assert "capitals" in ask(subscriber, watch="porch", label="None")["error"]
        assert one.stop() == 0
    assert 2 <= len(jpegs(folder)) <= 4
    assert names(collected(porch)) == ["gate open", "none"]
    assert read_picture(folder / jpegs(folder)[0]).shape == (120, 160, 3)
    assert not ambiguous(porch).exists()


@pytest.mark.parametrize("end", ["reload", "disable", "count"])
def test_what_is_asked_for_ends_before_its_time(
    porch: Board, make_subscriber: MakeSubscriber, end: str
) -> None:
    porch.mqtt["commands"] = [*COMMANDS, "set"]
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    with porch.life() as one:
        says_online_again(subscriber, 1)
        ask(subscriber, watch="porch", label="open", count=1000, every_s=0.1)
        wait_until(lambda: bool(jpegs(collected(porch) / "open")), "one is kept")
        if end == "reload":
            hang_up(porch, one)
        elif end == "disable":
            subscriber.publish(f"{BASE}/porch/set/enabled", "OFF")
        else:
            assert ask(subscriber, watch="porch", label="x", count=0)["status"] == "ok"
        one.says("watch porch: no more pictures of open: ")
        refused = ask(subscriber, watch="porch", label="open")
        assert refused["error"] == ("the watch porch is not enabled" if end == "disable" else None)


HOSTILE: list[dict[str, Any]] = [
    {"watch": "porch", "label": label}
    for label in ("../../x", "/etc/cron.d", "..", ".ssh", "a/b", "a\\b", "", "a\0b", "x" * 101,
                  "\ud800", "open\n", None, 7, ["open"])
] + [
    {"watch": watch, "label": "open"} for watch in ("../porch", "nowhere", "", None, {"a": 1})
] + [
    {"watch": "porch", "label": "open", "count": many}
    for many in (-1, 1001, 1e9, True, "10", 2.5, None)
] + [
    {"watch": "porch", "label": "open", "every_s": pause}
    for pause in (0, -1, 1e99, "1", False, None, 3601)
]  # fmt: skip


def test_hostile_requests_are_answered_and_write_nothing(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    with porch.life("--frames", "1000000") as one:
        says_online_again(subscriber, 1)
        before = names(porch.state_dir)
        pause = threading.Event()
        for asked in HOSTILE:
            assert ask(subscriber, **asked)["status"] == "error", asked
            pause.wait(0.1)  # ten commands a second are taken
        assert names(porch.state_dir) == before
        assert one.stop() == 0


def test_without_being_allowed_nothing_is_taken(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    del porch.mqtt["commands"]
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    with porch.life() as one:
        says_online_again(subscriber, 1)
        answer = ask(subscriber, watch="porch", label="open")
        assert answer["error"].startswith("collect is not allowed here; commands in [mqtt] allows:")
        assert one.stop() == 0
    assert not {"ambiguous-board", "collected-board"} & set(names(porch.state_dir))


@pytest.mark.torture
def test_kill_9_while_pictures_are_written_leaves_whole_ones_only(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    porch.watch["collect"] = True
    chance, pause = random.Random(7), threading.Event()
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    folder = collected(porch) / "open"
    for life in range(4):
        with porch.life() as one:
            says_online_again(subscriber, life + 1)
            assert ask(subscriber, watch="porch", label="open", count=1000, every_s=0.1)
            before = len(jpegs(folder))
            wait_until(lambda: len(jpegs(folder)) > before or life > 2, "one more is kept")  # noqa: B023
            pause.wait(chance.random() / 5)
            one.kill()
        for example in read_dataset(collected(porch)).examples:
            assert read_picture(example.file).shape == (120, 160, 3)
        for seen in folder.glob("*.seen.png"):
            assert read_picture(seen).shape == (96, 96, 3)
        (folder / ".20200101-000000.000.jpg.part").write_bytes(b"\xff\xd8half")
    with porch.life() as one:
        says_online_again(subscriber, 5)
        ask(subscriber, watch="porch", label="open", count=1)
        one.says("1 pictures of open taken")
        assert one.stop() == 0
    assert not [name for name in names(folder) if name.startswith(".")]


def test_a_full_disk_costs_pictures_and_nothing_else(
    porch: Board, make_subscriber: MakeSubscriber
) -> None:
    porch.watch["collect"] = True
    subscriber = make_subscriber(porch_port(porch), f"{BASE}/#")
    with file_system(porch.state_dir, "24m"), porch.life() as one:
        one.says("pictures are not kept: [Errno 28] the rest of the disk is left to events")
        seen = subscriber.wait_for(
            lambda found: any("pictures" in m.json for m in found if m.topic.endswith("/stats"))
        )
        assert any(m.topic.endswith("/state") for m in seen)
        assert names(ambiguous(porch)) == []
        assert one.log.count("pictures are not kept") == 1
        assert one.stop() == 0


class Seen:
    """Counts what is published."""

    def __init__(self) -> None:
        self.outcomes = 0

    def publish(self, outcome: Outcome) -> None:
        self.outcomes += outcome.classification is not None


def folder_config(tmp_path: Path, frames: int) -> str:
    (tmp_path / "in").mkdir()
    for number in range(frames):
        (tmp_path / "in" / f"{number:04}.jpg").write_bytes(SCENES[number % len(SCENES)])
    return f"""
        [device]
        id = "board"
        state_dir = {json.dumps(str(tmp_path / "state"))}
        [cameras.porch]
        source = {json.dumps(f"dir:{tmp_path}/in?fps=1")}
        [watches.porch]
        model = "camera_health_v1"
        collect = true
        [watches.porch.decision]
        min_score = 1.0
        """


def test_a_disk_that_hangs_holds_up_neither_the_frames_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, released = threading.Event(), threading.Event()

    def write(*_: object, **__: object) -> None:
        hanging.set()
        released.wait(60)

    monkeypatch.setattr("edgecls.collecting.files.write", write)
    seen = Seen()
    daemon = Daemon(parse(folder_config(tmp_path, 60), tmp_path), Signals())
    assert daemon.run(RunOptions(onlooker=seen)) == 0
    assert seen.outcomes == 60
    assert hanging.is_set()
    assert daemon.keepers.collector is not None
    figures = daemon.keepers.collector.figures()
    assert figures is not None
    assert figures["lost"] > 0
    released.set()


def test_a_daemon_that_keeps_pictures_imports_no_pillow(tmp_path: Path) -> None:
    """Also not in its second life, which finds pictures from the first."""
    from tests.media import film

    clip = film(tmp_path / "clip.mp4", (photo_like(160, 120, n) for n in range(30)))
    config = tmp_path / "edgecls.toml"
    text = folder_config(tmp_path, 1)
    config.write_text(text.replace(f"dir:{tmp_path}/in?fps=1", f"file:{clip}"))
    code = (
        "import sys; from edgecls.cli import main; "
        f"status = main(['run', '-c', {str(config)!r}]); "
        "print(status, sorted({'rich', 'PIL', 'amqtt'} & set(sys.modules)))"
    )
    for _ in range(2):
        done = python("-c", code, home=tmp_path)
        assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert jpegs(tmp_path / "state/ambiguous-board/porch")


def test_a_camera_that_scales_for_the_model_gives_a_watch_that_collects_the_whole_region(
    tmp_path: Path,
) -> None:
    text = folder_config(tmp_path, 1).replace(f"dir:{tmp_path}/in?fps=1", "picamera2:0")
    collecting = Daemon(parse(text, tmp_path), Signals(), remembers=False)
    views = views_of("porch", collecting.running.watches)
    assert stream_for(views, (1280, 720), 0) == Stream("YUV420", (1280, 720))
    plain = Daemon(parse(text.replace("collect = true", ""), tmp_path), Signals(), remembers=False)
    views = views_of("porch", plain.running.watches)
    assert stream_for(views, (1280, 720), 0) == Stream("BGR888", (96, 96))


def test_what_is_kept_is_what_the_engine_got(tmp_path: Path) -> None:
    """The very pixels: from a model's own eye, and from the file that is kept of the frame."""
    config = folder_config(tmp_path, 3)
    got: list[Pixels] = []
    daemon = Daemon(parse(config, tmp_path), Signals())
    engine = daemon.running.watches["porch"].engine
    load = engine.load

    def noted(pixels: Pixels) -> None:
        got.append(pixels.copy())
        load(pixels)

    engine.load = noted  # type: ignore[method-assign]
    assert daemon.run(RunOptions()) == 0
    kept = [read_picture(p) for p in sorted((tmp_path / "state").rglob("*.seen.png"))]
    assert len(kept) == len(got) == 3
    assert all(np.array_equal(*pair) for pair in zip(kept, got, strict=True))
