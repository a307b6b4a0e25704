"""Pictures in a folder: whole, in two files, and none twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgecls.collecting import files
from edgecls.collecting.album import Album
from edgecls.collecting.picture import Picture, whole_region
from edgecls.dataset import read_dataset
from edgecls.domain import Pixels
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from tests.collecting.pictures import JPEG, NOON, names, noisy, photos, picture, scene
from tests.media import photo_like
from tests.torture.disk import empty, file_system, fill


def album(folder: Path, *, private: bool = False) -> Album:
    return Album(folder, JPEG, private=private, durable=True)


def test_a_picture_is_the_region_and_beside_it_exactly_what_the_engine_got(
    data: Path, tmp_path: Path
) -> None:
    (photo,) = photos(data, 1)
    taken = picture(photo)
    path = album(tmp_path / "cat").keep(taken)
    assert names(tmp_path / "cat") == ["20251121-120000.000.jpg", "20251121-120000.000.seen.png"]
    assert path == tmp_path / "cat/20251121-120000.000.jpg"
    kept = read_picture(path).astype(int)
    assert kept.shape == photo.shape
    assert np.abs(kept - photo).mean() < 3
    seen = read_picture(path.with_name("20251121-120000.000.seen.png"))
    assert np.array_equal(seen, taken.seen)


def test_a_dataset_takes_the_two_files_for_one_picture(tmp_path: Path) -> None:
    for label, seeds in (("open", (1, 2)), ("none", (3, 4, 5))):
        kept = album(tmp_path / label)
        assert all(kept.keep(scene(seed)) for seed in seeds)
    examples = read_dataset(tmp_path).examples
    assert [example.label for example in examples] == ["none"] * 3 + ["open"] * 2
    assert {example.file.suffix for example in examples} == {".jpg"}


@pytest.mark.parametrize("resize", ["crop", "fit", "stretch"])
def test_the_region_is_kept_whole_whatever_part_of_it_the_model_takes(resize: str) -> None:
    frame = ArrayImage(photo_like(640, 480))
    left_half = View(96, 96, (0.0, 0.0, 0.5, 1.0), resize)
    assert np.array_equal(whole_region(frame, left_half), frame.pixels[:, :320])


def test_a_large_region_is_kept_with_1280_pixels() -> None:
    frame = ArrayImage(photo_like(1920, 1080))
    assert whole_region(frame, View(96, 96)).shape == (720, 1280, 3)


def test_pictures_of_one_moment_have_names_of_their_own(tmp_path: Path) -> None:
    kept = album(tmp_path)
    paths = [kept.keep(picture(photo_like(seed=seed))) for seed in (1, 2, 3)]
    assert [path.name for path in paths if path] == [f"20251121-120000.00{n}.jpg" for n in range(3)]


def test_photos_differ_and_the_same_scene_again_does_not(data: Path, tmp_path: Path) -> None:
    kept, different = album(tmp_path), list(photos(data, 20))
    assert all(kept.keep(picture(photo)) for photo in different)
    assert not any(kept.keep(picture(noisy(photo, 7))) for photo in different)


def test_what_lay_there_before_counts_too(tmp_path: Path) -> None:
    pixels = photo_like()
    assert album(tmp_path).keep(picture(pixels))
    later = album(tmp_path)
    assert later.keep(picture(noisy(pixels, 1))) is None
    assert later.keep(picture(photo_like(seed=9)))


def test_a_picture_that_was_taken_away_may_be_taken_again(tmp_path: Path) -> None:
    kept = album(tmp_path)
    path = kept.keep(scene(1))
    assert path
    files.remove(path)
    assert names(tmp_path) == []
    assert kept.keep(scene(1)) == path


def test_strange_files_beside_the_pictures_disturb_nobody(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("the gate, in June")
    (tmp_path / "folder.jpg").mkdir()
    assert album(tmp_path).keep(scene(1))


def test_what_a_killed_process_left_half_written_is_no_picture_and_is_swept_away(
    tmp_path: Path,
) -> None:
    left = tmp_path / "open" / ".20251121-115959.000.jpg.part"
    left.parent.mkdir()
    left.write_bytes(JPEG(photo_like())[:500])
    assert files.pictures_in(left.parent) == []
    path = album(left.parent).keep(scene(1))
    assert path
    assert names(left.parent) == [path.name, f"{path.stem}.seen.png"]


def test_private_folders_and_files_are_of_their_user_alone(tmp_path: Path) -> None:
    path = album(tmp_path / "board" / "porch" / "open", private=True).keep(scene(1))
    assert path
    for folder in ("board", "board/porch", "board/porch/open"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path / "disk", "1m") as folder:
        yield folder


def test_a_full_disk_leaves_nothing_half_written_and_what_was_kept(small_disk: Path) -> None:
    kept = album(small_disk / "open")
    first = kept.keep(scene(1))
    assert first
    before = names(small_disk / "open")
    fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        kept.keep(scene(2))
    assert names(small_disk / "open") == before
    assert read_picture(first).shape == (240, 320, 3)
    empty(small_disk)
    assert kept.keep(scene(2))


def test_a_disk_with_room_for_one_of_the_two_files_gets_none(small_disk: Path) -> None:
    """The JPEG fits, what the engine got does not."""
    noise: Pixels = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    with (small_disk / "film").open("wb") as film:
        film.write(b"x" * 800_000)
    with pytest.raises(OSError, match="No space left"):
        album(small_disk / "open").keep(Picture(NOON, photo_like(), noise))
    assert names(small_disk / "open") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_an_os_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        album(tmp_path / "open").keep(scene(1))
