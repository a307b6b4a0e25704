"""Pictures between the frame loop and a disk, which may be slow, full or dead."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from edgecls.collecting import collector as module
from edgecls.collecting.collector import Collector
from edgecls.collecting.picture import Picture, taken_of
from edgecls.collecting.session import Pace, Session
from edgecls.collecting.taker import Taker
from edgecls.domain import (
    NO_STATE,
    Box,
    Category,
    Classification,
    Frame,
    Outcome,
    Pixels,
    Reason,
)
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from tests.brokers import wait_until
from tests.collecting.pictures import JPEG, NOON, names, picture, scene
from tests.media import photo_like

VIEW = View(96, 96)


@contextmanager
def running(collector: Collector) -> Iterator[Collector]:
    thread = threading.Thread(target=collector.run, name="collector", daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.finish()
        thread.join(20)
        assert not thread.is_alive()


def session(count: int = 10, every_s: float = 2.0) -> Session:
    return Session("gate", "open", count, Pace(every_s))


def frame(number: int, at_s: float) -> Frame:
    """Another scene, at a decision time."""
    image = ArrayImage(photo_like(160, 120, int(at_s * 10)))
    return Frame("hall", number, image, int(at_s * 1e9), int(at_s * 1e9), NOON + at_s)


def outcome(reason: Reason | None) -> Outcome:
    judged = Classification((Category(0, "dog", 0.5, "dog"),), reason)
    return Outcome("gate", NOON, NO_STATE, judged)


def look(
    taker: Taker, frames: int, fps: float, reason: Reason | None, begin_s: float = 5.0
) -> None:
    for number in range(frames):
        taker.look(frame(number, begin_s + number / fps), outcome(reason))


def take(collector: Collector, taken: Picture, session: Session | None) -> None:
    collector.take("gate", lambda: taken, session)


def made(folder: Path, max_mb: int = 100) -> Collector:
    return Collector(folder, "board", max_mb, JPEG)


def test_what_is_asked_for_is_taken_at_its_pace_and_then_no_more(tmp_path: Path) -> None:
    with running(made(tmp_path)) as collector:
        taker = Taker("gate", VIEW, collector, ambiguous=False)
        look(taker, 5, 10, None)
        assert collector.ask(session(count=3)) is None
        look(taker, 100, 10, None)  # ten seconds: five would fit
    there = names(tmp_path / "collected-board/gate/open")
    assert [name for name in there if name.endswith(".jpg")] == [
        "20251121-120005.000.jpg", "20251121-120007.000.jpg", "20251121-120009.000.jpg",
    ]  # fmt: skip
    assert names(tmp_path) == ["collected-board"]


@pytest.mark.parametrize("reason", [Reason.LOW_SCORE, Reason.LOW_MARGIN])
def test_of_ambiguous_frames_one_a_second_is_taken(tmp_path: Path, reason: Reason) -> None:
    with running(made(tmp_path)) as collector:
        taker = Taker("gate", VIEW, collector, ambiguous=True)
        for second in range(4):
            look(taker, 10, 10, reason, begin_s=5.0 + second)
            wait_until(collector._jobs.empty, "what waits is written")
    there = names(tmp_path / "ambiguous-board/gate")
    assert len(there) == 2 * 4


@pytest.mark.parametrize("reason", [None, Reason.NOTHING, Reason.NOT_WATCHED, Reason.INVALID])
def test_frames_that_are_clear_are_not_taken(tmp_path: Path, reason: Reason | None) -> None:
    with running(made(tmp_path)) as collector:
        look(Taker("gate", VIEW, collector, ambiguous=True), 50, 10, reason)
    assert names(tmp_path) == []
    assert collector.figures() is None


def test_a_watch_that_did_not_opt_in_keeps_nothing(tmp_path: Path) -> None:
    with running(made(tmp_path)) as collector:
        look(Taker("gate", VIEW, collector, ambiguous=False), 50, 10, Reason.LOW_SCORE)
    assert names(tmp_path) == []


def test_a_still_scene_is_kept_once(tmp_path: Path) -> None:
    still = ArrayImage(photo_like(160, 120))
    with running(made(tmp_path)) as collector:
        taker = Taker("gate", VIEW, collector, ambiguous=True)
        for second in range(20):
            at_ns = second * 10**9
            one = Frame("hall", second, still, at_ns, at_ns, NOON + second)
            taker.look(one, outcome(Reason.LOW_SCORE))
            wait_until(collector._jobs.empty, "what waits is compared")
    assert len(names(tmp_path / "ambiguous-board/gate")) == 2
    figures = collector.figures()
    assert figures is not None
    assert (figures["kept"], figures["alike"], figures["lost"]) == (1, 19, 0)


def test_a_ring_that_is_full_is_renewed_once_a_minute(tmp_path: Path) -> None:
    noise: Pixels = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    with running(made(tmp_path, max_mb=1)) as collector:
        assert collector.pause_s("gate") == 1
        for number in range(8):
            taken = scene(number, 640, 480)
            take(collector, taken if number % 2 else _large(noise, number), None)
            wait_until(collector._jobs.empty, "what waits is written")
    assert collector.pause_s("gate") == 60
    assert collector.pause_s("yard") == 1


def _large(noise: Pixels, number: int) -> Picture:
    """Half a megabyte that is like no other."""
    return picture(np.roll(noise, 37 * number, axis=1), NOON + number)


def test_one_request_at_a_time_is_done_and_an_end_ends_it(tmp_path: Path) -> None:
    collector = made(tmp_path)
    assert collector.ask(session(count=10)) is None
    look(Taker("gate", VIEW, collector, ambiguous=False), 21, 10, None)  # at 5, 7 s
    why = collector.ask(session())
    assert why == "pictures of 'open' are being taken: 8 of 10 are to come"
    assert collector.ask(Session("yard", "open", 1, Pace(1))) is None
    collector.end("gate")
    assert collector.ask(session()) is None


def test_a_request_that_was_ended_meanwhile_does_not_take_the_next_one_along(
    tmp_path: Path,
) -> None:
    collector, first, second = made(tmp_path), session(count=1), session(count=1)
    assert collector.ask(first) is None
    assert collector.due("gate", 5.0) is first
    collector.end("gate")
    assert collector.ask(second) is None
    take(collector, scene(1), first)
    assert collector.due("gate", 6.0) is second


def test_as_many_are_taken_as_were_asked_for_however_long_the_disk_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collector, asked = made(tmp_path), session(count=6)  # nobody writes
    taker = Taker("gate", VIEW, collector, ambiguous=False)
    collector.ask(asked)
    look(taker, 200, 10, None)
    assert asked.taken == module._UNTAKEN < 6
    with running(collector):
        wait_until(collector._jobs.empty, "what waits is written")
        look(taker, 100, 10, None, begin_s=50)
    assert len(names(tmp_path / "collected-board/gate/open")) == 2 * 6
    assert caplog.messages[-1] == (
        "watch gate: 6 pictures of open taken: 6 kept, 0 were nearly the same as one before"
    )


def test_what_a_disk_has_not_taken_of_a_request_is_told_with_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "collected-board").write_text("in the way")
    collector = made(tmp_path)
    with running(collector):
        collector.ask(session(count=3))
        look(Taker("gate", VIEW, collector, ambiguous=False), 60, 10, None)
    assert caplog.messages[-1].endswith("before, 3 lost")


def test_a_reload_ends_what_was_asked_for(tmp_path: Path) -> None:
    collector = made(tmp_path)
    collector.ask(session())
    collector.reconfigure(max_mb=5)
    assert collector.due("gate", 9.0) is None
    assert collector.ask(session()) is None


def test_a_request_is_refused_as_long_as_pictures_fill_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COUNT_S", 0.05)
    noise: Pixels = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    with running(made(tmp_path, max_mb=1)) as collector:
        asked = session(count=100)
        assert collector.ask(asked) is None
        for number in range(6):
            take(collector, _large(noise, number), asked)
            wait_until(collector._jobs.empty, "what waits is written")
        full = "which is what max_mb in [collect] allows: take some away first"
        wait_until(lambda: full in (collector.ask(session()) or ""), "it is refused")
        there = list((tmp_path / "collected-board/gate/open").iterdir())
        assert there
        for path in there:
            path.unlink()
        wait_until(lambda: collector.ask(session()) is None, "there is room again")


def test_a_label_that_is_there_written_in_another_way_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COUNT_S", 0.05)
    with running(made(tmp_path)) as collector:
        take(collector, scene(1), session())
        wait_until(lambda: _refusal(collector, "Open") is not None, "open is there")
        assert _refusal(collector, "Open") == (
            "the labels 'open' and 'Open' differ in capitals or blanks alone; give both one name"
        )
        (tmp_path / "collected-board/gate/None").mkdir()  # by somebody
        wait_until(lambda: _refusal(collector, "none") is not None, "it is noticed")
        assert _refusal(collector, "open") is None
        assert collector.ask(Session("yard", "Open", 1, Pace(1))) is None


def _refusal(collector: Collector, label: str) -> str | None:
    collector.end("gate")
    return collector.ask(Session("gate", label, 1, Pace(1)))


def test_that_no_room_is_left_for_ambiguous_pictures_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise: Pixels = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    with running(made(tmp_path, max_mb=1)) as collector:
        for number in range(4):
            take(collector, _large(noise, number), session() if number < 2 else None)
            wait_until(collector._jobs.empty, "what waits is written")
    assert caplog.messages == [
        "pictures are not kept: those that were asked for take all that max_mb in [collect] allows"
    ]


def test_a_disk_that_hangs_costs_pictures_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    released, inside = threading.Event(), threading.Event()

    def hanging(pixels: Pixels) -> bytes:
        inside.set()
        assert released.wait(20)
        return JPEG(pixels)

    collector = Collector(tmp_path, "board", 100, hanging)
    with running(collector):
        take(collector, scene(0), None)
        assert inside.wait(20)
        for seed in range(1, 40):
            take(collector, scene(seed, 64, 48), None)  # none of these waits
        released.set()
    assert caplog.messages == [
        "pictures are lost: the disk does not take them as fast as they come"
    ]
    figures = collector.figures()
    assert figures is not None
    assert (figures["kept"], figures["lost"]) == (5, 35)


def test_a_disk_that_fails_costs_pictures_and_two_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "ambiguous-board").write_text("in the way")
    with running(made(tmp_path)) as collector:
        for seed in range(3):
            take(collector, scene(seed), None)
        wait_until(lambda: (collector.figures() or {}).get("lost") == 3, "all have failed")
        (tmp_path / "ambiguous-board").unlink()
        take(collector, scene(9), None)
    assert [message.split(":")[0] for message in caplog.messages] == [
        "pictures are not kept", "pictures are kept again",
    ]  # fmt: skip
    assert len(names(tmp_path / "ambiguous-board/gate")) == 2


class Photo(ArrayImage):
    """Tells which threads sampled it."""

    sampled: ClassVar[list[str]] = []

    def sample(self, box: Box, width: int, height: int) -> Pixels:
        self.sampled.append(threading.current_thread().name)
        return super().sample(box, width, height)

    def copy(self) -> Photo:
        return Photo(self.pixels.copy())


def test_pictures_are_scaled_by_the_collector_from_pixels_that_stay(tmp_path: Path) -> None:
    photo, Photo.sampled[:] = Photo(photo_like()), []
    with running(made(tmp_path)) as collector:
        taker = Taker("gate", VIEW, collector, ambiguous=True)
        taker.look(Frame("hall", 0, photo, 0, 0, NOON), outcome(Reason.LOW_SCORE))
        photo.pixels[:] = 0  # the camera has its memory back
    assert set(Photo.sampled) == {"collector"}
    (path,) = (tmp_path / "ambiguous-board/gate").glob("*.jpg")
    assert np.abs(read_picture(path).astype(int) - photo_like()).mean() < 5


def test_a_photo_of_many_megapixels_does_not_wait_in_its_full_size() -> None:
    photo, Photo.sampled[:] = Photo(np.zeros((1300, 1700, 3), np.uint8)), []
    taken = taken_of(Frame("hall", 0, photo, 0, 0, NOON), VIEW)
    assert Photo.sampled
    Photo.sampled[:] = []
    assert taken().region.shape == (979, 1280, 3)
    assert not Photo.sampled


def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    collector = made(tmp_path)
    for seed in range(module._UNTAKEN):
        take(collector, scene(seed), None)
    with running(collector):
        collector.finish()
    assert len(names(tmp_path / "ambiguous-board/gate")) == 2 * module._UNTAKEN
