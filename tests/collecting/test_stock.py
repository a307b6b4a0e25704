"""All pictures of a device within their bound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from edgecls.collecting import album
from edgecls.collecting import stock as module
from edgecls.collecting.picture import Picture
from edgecls.collecting.stock import MOST_AMBIGUOUS, Full, Stock
from edgecls.domain import Pixels
from tests.collecting.pictures import JPEG, names, scene
from tests.torture.disk import file_system

ROOMY = 100_000_000
_NOBODY = 65534


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def stock(folder: Path) -> Stock:
    return Stock(folder, "board", JPEG)


def keep_scenes(kept: Stock, label: str, seeds: range, bound: int) -> None:
    for seed in seeds:
        kept.keep("gate", label, scene(seed), bound)


def tiny(seed: int) -> Picture:
    """Another one for each seed, soon encoded and unlike the others."""
    cells: Pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    return Picture(1e9 + seed, cells, cells)


def test_ambiguous_pictures_lie_apart_from_those_of_labels(tmp_path: Path) -> None:
    kept = stock(tmp_path)
    assert kept.keep("gate", None, scene(1), ROOMY)
    assert kept.keep("gate", "ambiguous", scene(2), ROOMY)
    assert names(tmp_path) == ["ambiguous-board", "collected-board"]
    assert names(tmp_path / "collected-board/gate") == ["ambiguous"]
    assert len(names(tmp_path / "ambiguous-board/gate")) == 2
    assert kept.bytes == size_of(tmp_path)


def test_thousands_of_ambiguous_pictures_stay_within_the_bound_and_the_newest_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(album, "_COMPARED", 30)  # it is not about likeness
    kept, bound = stock(tmp_path), 300_000
    for seed in range(2000):
        path = kept.keep("gate", None, tiny(seed), bound)
        if seed % 100 == 0:
            assert size_of(tmp_path) <= bound
    assert path
    there = [name for name in names(tmp_path / "ambiguous-board/gate") if name.endswith(".jpg")]
    assert there[-1] == path.name
    assert 20 < len(there) < 500
    assert 0.95 * bound < size_of(tmp_path) <= bound
    assert kept.renews("gate", bound)


def test_pictures_of_a_clock_that_was_wrong_go_first(tmp_path: Path) -> None:
    folder, year_2100 = tmp_path / "ambiguous-board/gate", 4102444800
    kept = stock(tmp_path)
    for seed in range(6):
        kept.keep("gate", None, replace(scene(seed), ts=year_2100 + seed), ROOMY)
    bound = size_of(tmp_path)
    kept = stock(tmp_path)  # from another life
    for seed in range(10, 15):
        kept.keep("gate", None, scene(seed), bound)
        kept.count(ROOMY)
    there = [name for name in names(folder) if name.endswith(".jpg")]
    assert len([name for name in there if name.startswith("2025")]) == 5


def test_of_one_watch_a_thousand_ambiguous_pictures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_AMBIGUOUS == 1000
    monkeypatch.setattr(module, "MOST_AMBIGUOUS", 5)
    kept = stock(tmp_path)
    for seed in range(12):
        kept.keep("gate", None, scene(seed, 64, 48), ROOMY)
    assert len(names(tmp_path / "ambiguous-board/gate")) == 2 * 5
    assert kept.renews("gate", ROOMY)
    assert not kept.renews("yard", ROOMY)


def test_the_watch_with_most_pictures_makes_room_for_another(tmp_path: Path) -> None:
    kept = stock(tmp_path)
    for seed in range(9):
        kept.keep("noisy", None, scene(seed), ROOMY)
    kept.keep("quiet", None, scene(20), ROOMY)
    bound = size_of(tmp_path)
    for seed in range(30, 35):
        kept.keep("quiet", None, scene(seed), bound)
    assert len(names(tmp_path / "ambiguous-board/quiet")) >= 2 * 5
    assert size_of(tmp_path) <= bound


def test_pictures_that_were_asked_for_take_the_room_of_ambiguous_ones_and_then_no_more(
    tmp_path: Path,
) -> None:
    kept, bound = stock(tmp_path), 400_000
    for seed in range(20):
        kept.keep("gate", None, scene(seed), bound)
    assert names(tmp_path / "ambiguous-board/gate")
    assert not kept.is_full(bound)
    with pytest.raises(Full):
        keep_scenes(kept, "open", range(100, 140), bound)
    asked = names(tmp_path / "collected-board/gate/open")
    assert asked
    assert names(tmp_path / "ambiguous-board/gate") == []
    assert kept.is_full(bound)
    later = stock(tmp_path)
    later.count(ROOMY)
    assert later.is_full(bound)
    with pytest.raises(Full):
        kept.keep("gate", None, scene(200), bound)
    assert names(tmp_path / "collected-board/gate/open") == asked
    assert size_of(tmp_path) <= bound


def test_what_people_took_away_or_another_life_left_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(4):
        stock(tmp_path).keep("gate", "open", scene(seed), ROOMY)
    later = stock(tmp_path)
    later.count(ROOMY)
    assert later.bytes == size_of(tmp_path) > 0
    for path in (tmp_path / "collected-board/gate/open").iterdir():
        path.unlink()
    monkeypatch.setattr(module, "COUNT_S", 0.0)
    later.keep("gate", "open", scene(9), ROOMY)
    assert later.bytes == size_of(tmp_path)


def test_what_is_not_ours_stays_and_holds_nothing_up(tmp_path: Path) -> None:
    folder, kept = tmp_path / "ambiguous-board/gate", stock(tmp_path)
    for seed in range(5):
        kept.keep("gate", None, scene(seed), ROOMY)
    bound = size_of(tmp_path)
    (folder / "holiday.jpg").write_bytes(b"mine")
    (folder / "20200101-000000.000.jpg").mkdir()
    kept = stock(tmp_path)
    for seed in range(10, 20):
        assert kept.keep("gate", None, scene(seed), bound)
    assert (folder / "holiday.jpg").read_bytes() == b"mine"
    assert (folder / "20200101-000000.000.jpg").is_dir()
    assert kept.bytes == size_of(tmp_path) - len(b"mine") <= bound


def test_a_lower_bound_holds_also_where_those_that_were_asked_for_exceed_it(tmp_path: Path) -> None:
    kept = stock(tmp_path)
    keep_scenes(kept, "open", range(5), ROOMY)
    asked = size_of(tmp_path)
    for seed in range(20, 30):
        kept.keep("gate", None, scene(seed), ROOMY)
    kept.count(asked + 100_000)
    assert asked < size_of(tmp_path) == kept.bytes <= asked + 100_000
    kept.count(asked // 2)
    assert size_of(tmp_path) == kept.bytes == asked


@pytest.fixture
def shared_disk() -> Iterator[Path]:
    """A disk of its own for pictures, which has a folder that we may not read."""
    root = os.geteuid() == 0
    with TemporaryDirectory() as name:  # the tests' own folders are root's alone
        collected = Path(name) / "collected-board"
        (collected / "lost+found").mkdir(parents=True)
        (collected / "lost+found").chmod(0)
        stock(Path(name) / "else").keep("gate", None, scene(0), ROOMY)  # all is imported
        if root:
            for each in (Path(name), collected):
                os.chown(each, _NOBODY, -1)
            os.setresuid(_NOBODY, _NOBODY, 0)
        try:
            yield Path(name)
        finally:
            if root:
                os.setresuid(0, 0, 0)
            (collected / "lost+found").chmod(0o700)


def test_a_folder_that_may_not_be_read_costs_neither_pictures_nor_the_bound(
    shared_disk: Path,
) -> None:
    bound = 150_000
    for life in range(3):
        kept = stock(shared_disk)
        for seed in range(10):
            assert kept.keep("gate", None, scene(100 * life + seed), bound)
        assert size_of(shared_disk / "ambiguous-board") <= bound


def test_the_pictures_of_every_watch_are_remembered(tmp_path: Path) -> None:
    kept, watches = stock(tmp_path), [f"watch{number}" for number in range(20)]
    for watch in watches:
        path = kept.keep(watch, None, scene(1, 64, 48), ROOMY)
        assert path
        path.write_bytes(b"cannot be read again")
    assert not any(kept.keep(watch, None, scene(1, 64, 48), ROOMY) for watch in watches)


def test_who_takes_a_picture_away_need_not_know_of_what_lies_beside_it(tmp_path: Path) -> None:
    kept = stock(tmp_path)
    first = kept.keep("gate", None, scene(1), ROOMY)
    second = kept.keep("gate", None, scene(2), ROOMY)
    assert first
    assert second
    first.unlink()
    (first.parent / f".{first.name}.part").write_bytes(b"half")  # of a life that was killed
    (first.parent / "film.part").write_bytes(b"mine")
    kept.count(ROOMY)
    assert names(first.parent) == [second.name, f"{second.stem}.seen.png", "film.part"]


def test_the_last_32_megabytes_of_a_disk_are_left_to_events(tmp_path: Path) -> None:
    with file_system(tmp_path / "disk", "33m") as disk:
        kept = stock(disk)
        with pytest.raises(OSError, match="left to events"):
            keep_scenes(kept, "open", range(120), ROOMY)
        assert names(disk / "collected-board/gate/open")
        assert size_of(disk) < 2_700_000


def test_strangers_who_name_many_labels_do_not_fill_the_memory(tmp_path: Path) -> None:
    kept = stock(tmp_path)
    for number in range(30):
        kept.keep("gate", f"label {number}", scene(number, 64, 48), ROOMY)
    assert len(names(tmp_path / "collected-board/gate")) == 30
    assert len(kept._albums) == 8
