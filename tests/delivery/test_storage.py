"""A disk that cannot take it, and a file that is damaged: nothing that can be read is lost."""

from __future__ import annotations

import json
import os
import random
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgecls.delivery.outbox import Outbox
from edgecls.domain import Phase
from edgecls.health import Health
from edgecls.settings import OutboxSettings
from tests.delivery.scenes import event

BOUNDS = OutboxSettings()


def opened(file: Path, health: Health | None = None) -> Outbox:
    return Outbox(file, BOUNDS, health or Health())


def happen(outbox: Outbox, count: int) -> None:
    for _ in range(count):
        outbox.add(event(Phase.START))
        outbox.commit()


def ids(outbox: Outbox) -> list[str]:
    """What waits, as it is sent to a broker that takes it."""
    taken = []
    while (entry := outbox.next()) is not None:
        taken.append(json.loads(outbox.copy(entry))["id"])
        outbox.sent(entry, entry.id)
        outbox.acknowledged(entry.id)
        outbox.commit()
    return taken


def garble(file: Path, page: int, pages: int = 1) -> None:
    """Overwrite pages of a database that nobody has open."""
    with file.open("r+b") as database:
        database.seek(page * 4096)
        database.write(os.urandom(pages * 4096))


@pytest.mark.parametrize("content", [b"", b"no database", os.urandom(40_000)])
def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    file, health = tmp_path / "outbox.sqlite", Health()
    file.write_bytes(content)
    outbox = opened(file, health)
    happen(outbox, 2)
    assert ids(outbox) == [f"{outbox.epoch}-1", f"{outbox.epoch}-2"]
    outbox.close()
    if content:
        assert health.report().reasons == ("database_replaced",)
        assert (tmp_path / "outbox.sqlite.damaged").read_bytes() == content
    again = Health()
    opened(file, again).close()
    assert again.report().ok


def test_what_can_still_be_read_of_a_damaged_file_is_sent(tmp_path: Path) -> None:
    file, health = tmp_path / "outbox.sqlite", Health()
    outbox = opened(file)
    happen(outbox, 200)
    outbox.note("kept", "porch", {"label": "dog"})
    outbox.commit()
    before = outbox.epoch
    outbox.close()
    garble(file, page=20)
    outbox = opened(file, health)
    first = ids(outbox)
    assert health.report().reasons == ("database_replaced",)
    happen(outbox, 1)
    assert outbox.epoch != before
    assert ids(outbox) == [f"{outbox.epoch}-1"]
    assert outbox.notes("kept") == {"porch": {"label": "dog"}}
    assert len(first) == len(set(first)) > 20
    assert first[0] == f"{before}-1"
    outbox.close()


def test_garbage_that_sqlite_does_not_notice_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite"
    outbox = opened(file)
    happen(outbox, 3)
    outbox.close()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE events SET body = '{\"seq\":' WHERE seq = 2")
    database.close()
    health = Health()
    outbox = opened(file, health)
    sent = ids(outbox)
    assert [each.split("-")[1] for each in sent] == ["1", "3"]
    assert health.report().reasons == ("database_replaced",)
    outbox.close()


def test_a_folder_that_cannot_be_had_leaves_it_in_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    health = Health()
    outbox = opened(tmp_path / "state" / "outbox.sqlite", health)
    happen(outbox, 3)
    assert len(ids(outbox)) == 3
    assert health.report().reasons == ("database_replaced",)
    outbox.close()


def test_back_on_the_disk_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.delivery.storage.RETRY_S", 0.0)
    file, health = tmp_path / "outbox.sqlite", Health()
    outbox = opened(file, health)
    happen(outbox, 4)
    disk = outbox.epoch
    taken = take(outbox, 1)
    with no_room_for_files():
        happen(outbox, 1)
        memory = outbox.epoch
        assert health.report().reasons == ("database_replaced",)
        taken += take(outbox, 1)
        outbox.retry()
        assert not health.report().ok
        happen(outbox, 1)
    outbox.retry()
    assert health.report().ok
    outbox.close()
    after = opened(file)
    happen(after, 1)
    assert taken == [f"{disk}-1", f"{disk}-2"]
    assert ids(after) == [f"{disk}-3", f"{disk}-4", *(f"{memory}-{n}" for n in (1, 2, 3))]
    after.close()


def take(outbox: Outbox, count: int) -> list[str]:
    """The broker takes so many."""
    taken = []
    for _ in range(count):
        entry = outbox.next()
        assert entry is not None
        outbox.sent(entry, entry.id)
        outbox.acknowledged(entry.id)
        taken.append(entry.payload["id"])
    outbox.commit()
    return taken


@contextmanager
def no_room_for_files() -> Iterator[None]:
    """This process cannot write to a file, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_memory_that_never_saw_the_disk_is_appended_to_what_waits_there(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    earlier = opened(folder / "outbox.sqlite")
    happen(earlier, 2)
    disk = earlier.epoch
    earlier.close()
    folder.rename(tmp_path / "unmounted")
    folder.write_text("nothing is mounted here")
    health = Health()
    outbox = opened(folder / "outbox.sqlite", health)
    happen(outbox, 2)
    folder.unlink()
    (tmp_path / "unmounted").rename(folder)
    outbox.retry()
    assert health.report().ok
    happen(outbox, 1)
    assert ids(outbox) == [f"{disk}-1", f"{disk}-2", *(f"{outbox.epoch}-{n}" for n in (1, 2, 3))]
    outbox.close()


def test_a_disk_that_is_full_twice_costs_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    outbox = opened(tmp_path / "outbox.sqlite")
    happen(outbox, 3)
    epochs = [outbox.epoch] * 3
    for _ in range(2):
        with no_room_for_files():
            happen(outbox, 2)
        epochs += [outbox.epoch] * 2
        outbox.retry()
        happen(outbox, 1)
        epochs += [outbox.epoch]
    sent = ids(outbox)
    outbox.close()
    assert [each.split("-")[0] for each in sent] == epochs
    assert len(set(sent)) == len(epochs)


def test_a_file_that_is_deleted_while_we_are_in_memory_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite"
    outbox = opened(file)
    happen(outbox, 3)
    with no_room_for_files():
        happen(outbox, 2)
    for part in tmp_path.iterdir():
        part.unlink()
    outbox.retry()
    assert file.exists()
    assert [int(each.split("-")[1]) for each in ids(outbox)] == [1, 2, 3, 1, 2]
    outbox.close()


def test_a_replacement_that_was_broken_off_is_finished_or_forgotten(tmp_path: Path) -> None:
    file, new = tmp_path / "outbox.sqlite", tmp_path / "outbox.sqlite.new"
    whole = opened(file)
    happen(whole, 2)
    whole.close()
    new.write_bytes(b"half of it")
    again = opened(file)
    assert again.pending == 2
    again.close()
    assert not new.exists()
    file.rename(new)  # killed between two renames
    again = opened(file)
    assert again.pending == 2
    again.close()


def test_no_damage_stops_it(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite"
    outbox = opened(file)
    happen(outbox, 30)
    outbox.note("kept", "porch", {"label": "dog"})
    outbox.commit()
    outbox.close()
    whole = file.read_bytes()
    for seed in range(100):
        chance = random.Random(seed)
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8, 40))):
            damaged[chance.randrange(100, len(damaged))] = chance.randrange(256)
        for part in tmp_path.iterdir():
            part.unlink()
        file.write_bytes(damaged)
        outbox = opened(file)
        outbox.notes("kept")
        happen(outbox, 1)
        newest = outbox.epoch
        assert ids(outbox)[-1].startswith(newest), seed
        outbox.close()
