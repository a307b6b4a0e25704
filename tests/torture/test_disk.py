"""The disk is full, cannot be written, or has damaged the database: classification goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import MakeSubscriber, Mosquitto, wait_until
from tests.torture.board import BRIGHT, DARK, Board
from tests.torture.consumer import (
    BASE,
    assert_consumers_see_all,
    events,
    see_a_change,
    until_health,
)
from tests.torture.disk import empty, file_system, fill

REPLACED = "database_replaced"
PATCHES = {"edgecls.delivery.storage.RETRY_S": 0.5}


@pytest.fixture
def small_disk(porch: Board) -> Iterator[Path]:
    """The state folder is a file system of one megabyte."""
    with file_system(porch.state_dir, "1m") as folder:
        yield folder


def test_a_disk_that_fills_up_and_is_emptied_again_costs_no_event(
    porch: Board, small_disk: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    with porch.life(patches=PATCHES) as one:
        starts = [see_a_change(porch, subscriber)]
        fill(small_disk)
        # What the journal has already can be written over.
        while REPLACED not in one.log and "kept in memory" not in one.log:
            starts.append(see_a_change(porch, subscriber))
            assert len(starts) < 200, one.log
        until_health(subscriber, REPLACED)
        starts += [see_a_change(porch, subscriber) for _ in range(4)]
        assert starts[-1]["epoch"] != starts[0]["epoch"]
        empty(small_disk)
        until_health(subscriber)
        starts += [see_a_change(porch, subscriber) for _ in range(2)]
        assert one.alive
        print(f"{len(starts)} starts; {one.log.count('kept in memory')} times in memory")
    with porch.life(patches=PATCHES):
        starts.append(see_a_change(porch, subscriber))
        assert starts[-1]["epoch"] == starts[-2]["epoch"]
    assert_consumers_see_all(subscriber.messages, starts)
    assert "Traceback" not in one.log


@pytest.mark.torture
def test_what_waited_in_memory_while_the_disk_was_full_is_on_it_afterwards(
    porch: Board, small_disk: Path, mosquitto: Mosquitto, make_subscriber: MakeSubscriber
) -> None:
    """Broker away, disk full, disk empty, kill -9: nothing that came before the kill is lost."""
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#", persistent_as="log")
    with porch.life(patches=PATCHES) as one:
        starts = [see_a_change(porch, subscriber)]
        mosquitto.stop()
        fill(small_disk)
        dark = True
        while "kept in memory" not in one.log:
            dark = not dark
            change_and_wait(porch, dark)
        for _ in range(4):
            dark = not dark
            change_and_wait(porch, dark)
        empty(small_disk)
        one.says("can be written again")
    mosquitto.start()
    with porch.life(patches=PATCHES):
        subscriber.wait_for(lambda found: found[-1:] != [] and found[-1].topic == f"{BASE}/status")
        starts.append(see_a_change(porch, subscriber))
    found = events(subscriber.messages)
    phases = [each["phase"] for each in found]
    assert phases == ["start", *["end", "start"] * (len(phases) // 2)], phases
    labels = [each["label"] for each in found if each["phase"] == "start"]
    assert labels == [("dark", "overexposed")[number % 2] for number in range(len(labels))]
    assert all(
        end["start_id"] == start["id"] for start, end in zip(found[::2], found[1::2], strict=False)
    )


def change_and_wait(porch: Board, dark: bool) -> None:
    """Nobody tells while the broker is away: wait until the camera has shown it often enough."""
    porch.shows(DARK if dark else BRIGHT)
    seen = porch.camera.served
    wait_until(lambda: porch.camera.served > seen + 25, "half a second of pictures")


@pytest.mark.torture
@pytest.mark.parametrize("how", ["read-only", "a file in its place", "a folder in its place"])
def test_a_state_folder_that_cannot_be_used_from_the_start_costs_no_event(
    how: str, porch: Board, mosquitto: Mosquitto, make_subscriber: MakeSubscriber,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    subscriber = make_subscriber(mosquitto.port, f"{BASE}/#")
    if how == "read-only":
        folder = request.getfixturevalue("small_disk")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    elif how == "a file in its place":
        porch.state_dir.parent.mkdir()
        porch.state_dir.write_text("not a folder")
    else:
        porch.database.mkdir(parents=True)
    with porch.life(patches=PATCHES) as one:
        until_health(subscriber, REPLACED)
        starts = [see_a_change(porch, subscriber) for _ in range(3)]
        if how == "read-only":
            subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        elif how == "a file in its place":
            porch.state_dir.unlink()
        else:
            porch.database.rmdir()
        until_health(subscriber)
        starts.append(see_a_change(porch, subscriber))
        assert one.alive
        assert "Traceback" not in one.log
    with porch.life(patches=PATCHES):
        starts.append(see_a_change(porch, subscriber))
    assert starts[-1]["epoch"] == starts[-2]["epoch"]
    assert_consumers_see_all(subscriber.messages, starts)
