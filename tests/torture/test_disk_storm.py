"""A disk that is full now and then, kills and cuts: what was on the disk reaches the broker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import Mosquitto
from tests.torture.disk import empty, file_system, fill
from tests.torture.ledger import DIFFERS, Key, snapshot
from tests.torture.storm import Bare
from tests.torture.tap import Copy, Tap

KILLS = 8


@pytest.mark.torture
@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_full_disk_had_taken_is_not_lost_and_no_number_is_given_twice(
    seed: int, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """What was only in memory at a kill may be lost: that is why `health` says so."""
    chance, on_disk = random.Random(seed), set[Key]()
    bodies: dict[Key, dict[str, Any]] = {}
    with file_system(tmp_path / "disk", "3m") as disk, closing(Tap(mosquitto.port)) as tap:
        database = disk / "outbox.sqlite"
        told = ["--url", tap.url, "--database", database, "--retry-s", 0.2, "--per-s", 100]
        told += ["--max-events", 1000]
        for life in range(KILLS):
            publisher = Bare(told, life, 1000)
            torment(chance, [lambda: fill(disk), lambda: empty(disk), tap.cut])
            publisher.kill()
            for key, body in snapshot(database).events.items():
                assert bodies.setdefault(key, body) == body, f"{key} was given twice"
                on_disk.add(key)
        empty(disk)
        Bare(told, KILLS, 50).finish()
    for copy in tap.copies:
        body = {key: value for key, value in copy.payload.items() if key not in DIFFERS}
        assert bodies.setdefault(copy.key, body) == body, f"{copy.key} was given twice"
    epochs = {epoch for epoch, _ in bodies}
    print(f"{len(bodies)} events, {len(on_disk)} on disk at a kill, {len(epochs)} epochs")
    assert on_disk <= {copy.key for copy in tap.copies if copy.taken}
    assert_rising(tap.copies)
    assert len(epochs) > 1, "the disk was never full: that was no test"


def torment(chance: random.Random, actions: Sequence[Callable[[], None]]) -> None:
    """Do this and that for some seconds."""
    end_s = time.monotonic() + chance.uniform(0.5, 3)
    while time.monotonic() < end_s:
        time.sleep(chance.uniform(0, 0.8))
        chance.choice(actions)()


def assert_rising(copies: Sequence[Copy]) -> None:
    """What the broker takes for the first time is newer than all it has of that epoch."""
    last: dict[str, int] = {}
    taken = set[Key]()
    for copy in copies:
        if copy.taken and copy.key not in taken:
            taken.add(copy.key)
            epoch, seq = copy.key
            assert seq > last.get(epoch, 0), copy
            last[epoch] = seq
