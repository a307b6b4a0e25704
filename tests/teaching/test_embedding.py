"""Pictures become embeddings once: the same whoever made them, whenever, by how many threads."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecls.dataset import seen_beside
from edgecls.domain import Pixels
from edgecls.errors import PictureError
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.settings import ModelSettings
from edgecls.teaching.alterations import alterations_for, centred, mirrored
from edgecls.teaching.base import Base, Embedder, read_base
from edgecls.teaching.cache import Cache
from edgecls.teaching.embedding import Embedded, Look, embed_all
from tests.teaching.photos import photos_of

SMALL = "mobilenet_v1_0.25_128_quant"


@pytest.fixture(scope="module")
def base(data: Path) -> Base:
    return read_base(ModelSettings(file=str(data / f"models/{SMALL}.tflite")))


@pytest.fixture
def files(data: Path, tmp_path: Path) -> list[Path]:
    (tmp_path / "dog").mkdir()
    return [Path(shutil.copy(p, tmp_path / "dog")) for p in photos_of(data, "dog")[:6]]


def embedded(
    files: Sequence[Path],
    base: Base,
    *,
    resize: str = "crop",
    altered: bool = False,
    cache: Path | None = None,
    threads: int | None = None,
    failures: list[str] | None = None,
) -> Embedded:
    def seen(_: Path, error: PictureError | None) -> None:
        if error is not None and failures is not None:
            failures.append(str(error))

    labels = [0] * len(files)
    look = Look(base, resize, (mirrored, centred) if altered else ())
    return embed_all(files, labels, look, threads=threads, cache=cache, seen=seen)


def test_an_embedding_is_the_base_s_of_the_watch_s_view(files: list[Path], base: Base) -> None:
    found = embedded(files, base, resize="stretch", altered=True, threads=3)
    with Embedder(base) as embedder:
        view = View(embedder.width, embedder.height, resize="stretch")
        for file, rows in zip(files, found.rows, strict=True):
            pixels = view.see(ArrayImage(read_picture(file)))
            assert np.array_equal(rows[0], embedder.embed(pixels))
            assert np.array_equal(rows[1], embedder.embed(pixels[:, ::-1]))
            assert np.array_equal(rows[2], embedder.embed(centred(pixels)))
    assert [picture.file for picture in found.pictures] == files


def test_the_sample_has_a_row_for_each_picture_and_each_copy(files: list[Path], base: Base) -> None:
    found = embedded(files, base, altered=True)
    sample = found.sample(altered=True)
    assert sample.embeddings.shape == (len(files) * 3, base.dimensions)
    assert sample.count == found.sample(altered=False).count == len(files)
    assert sample.pictures.tolist() == [n for n in range(len(files)) for _ in range(3)]
    assert np.array_equal(sample.embeddings[sample.own], found.rows[:, 0])


def test_the_second_time_nothing_is_embedded(files: list[Path], base: Base, tmp_path: Path) -> None:
    first = embedded(files, base, cache=tmp_path / "cache")
    again = embedded(files, base, cache=tmp_path / "cache")
    assert (first.remembered, again.remembered) == (0, len(files))
    assert np.array_equal(first.rows, again.rows)
    for one, other in zip(first.pictures, again.pictures, strict=True):
        assert np.array_equal(one.likeness, other.likeness)
        assert one.taken_s == other.taken_s


def test_a_picture_that_was_moved_and_renamed_is_remembered(
    files: list[Path], base: Base, tmp_path: Path
) -> None:
    embedded(files, base, cache=tmp_path / "cache")
    moved = files[0].rename(tmp_path / "renamed.jpeg")
    found = embedded([moved, *files[1:]], base, cache=tmp_path / "cache")
    assert found.remembered == len(files)
    assert found.pictures[0].file == moved


def test_what_changed_is_embedded_anew(files: list[Path], base: Base, tmp_path: Path) -> None:
    embedded(files, base, cache=tmp_path / "cache")
    assert embedded(files, base, altered=True, cache=tmp_path / "cache").remembered == 0
    assert embedded(files, base, resize="fit", cache=tmp_path / "cache").remembered == 0
    settings = ModelSettings(file=str(base.reading.model.path), mean=100.0, std=100.0)
    assert embedded(files, read_base(settings), cache=tmp_path / "cache").remembered == 0
    shutil.copy(files[1], files[0])
    assert embedded(files[:1], base, cache=tmp_path / "cache").remembered == 1
    Image.new("RGB", (60, 40)).save(files[0], "JPEG")
    assert embedded(files[:1], base, cache=tmp_path / "cache").remembered == 0


def test_a_damaged_cache_costs_time_only(files: list[Path], base: Base, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    right = embedded(files, base, cache=cache)
    kept = sorted(cache.iterdir())
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-1])
    flipped = bytearray(kept[2].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    kept[2].write_bytes(flipped)
    kept[3].unlink()
    kept[3].mkdir()
    again = embedded(files, base, cache=cache)
    assert again.remembered == len(files) - 4
    assert np.array_equal(again.rows, right.rows)


def test_a_cache_that_cannot_be_written_is_said_once(
    files: list[Path], base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    found = embedded(files, base, cache=tmp_path / "file/cache", threads=1)
    assert len(found.pictures) == len(files)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "looks at these pictures again" in line


def test_a_cache_that_cannot_be_written_is_still_read(tmp_path: Path) -> None:
    cache, row = Cache(tmp_path, "test", 10), np.arange(10, dtype=np.float32)
    cache.keep("there", row)
    (tmp_path / "new").mkdir()
    cache.keep("new", row)  # a folder lies in its place
    assert cache.find("there") is not None


def test_the_cache_is_bounded_and_lets_go_of_what_was_not_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", "test", 1000)
    row = np.arange(1000, dtype=np.float32)
    for name in ("a", "b", "c", "d"):
        cache.keep(name, row)
    assert cache.find("a") is not None  # so b is the oldest
    cache.prune(limit_bytes=3 * 4100)
    assert [cache.find(name) is not None for name in "abcd"] == [True, False, True, True]


def test_what_cannot_be_read_is_named_and_left_out(files: list[Path], base: Base) -> None:
    files[2].write_bytes(b"no picture")
    files[4].unlink()
    failures: list[str] = []
    found = embedded(files, base, failures=failures)
    assert [picture.file for picture in found.pictures] == [files[n] for n in (0, 1, 3, 5)]
    assert found.rows.shape[0] == 4
    assert sorted(failures) == sorted(
        [
            f"{files[2]}: is no JPEG, PNG, BMP or WebP picture",
            f"{files[4]}: there is no such picture",
        ]
    )


def seen_as(file: Path, view: View) -> Pixels:
    """What a model saw of a picture before it was a JPEG, and now lies beside it."""
    seen = view.see(ArrayImage(read_picture(file)))
    noise = np.random.default_rng(1).integers(-3, 4, seen.shape)
    pixels = (seen.astype(int) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(seen_beside(file))
    return pixels


def test_the_model_s_own_input_is_taken_where_it_has_the_size(
    files: list[Path], base: Base
) -> None:
    pixels = seen_as(files[0], View(128, 128))
    (without,) = embedded([files[1]], base).rows
    seen_as(files[1], View(96, 96))
    found = embedded(files, base)
    assert found.as_seen == 1
    assert found.pictures[0].file == files[0]
    with Embedder(base) as embedder:
        assert np.array_equal(found.rows[0, 0], embedder.embed(pixels))
    assert np.array_equal(found.rows[1], without)


@pytest.mark.parametrize("resize", ["crop", "fit", "stretch"])
def test_the_model_s_own_input_is_taken_where_it_met_the_picture_as_is_asked(
    files: list[Path], base: Base, resize: str, tmp_path: Path
) -> None:
    for file, other in zip(files, ("crop", "fit", "stretch"), strict=False):
        seen_as(file, View(128, 128, resize=other))
    found = embedded(files, base, resize=resize, cache=tmp_path / "cache")
    again = embedded(files, base, resize=resize, cache=tmp_path / "cache")
    assert found.as_seen == again.as_seen == 1
    assert again.remembered == len(files)


def test_what_is_remembered_is_found_where_nothing_can_be_written(
    files: list[Path], base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:  # to root, no folder is closed
        raise OSError(errno.EROFS, "Read-only file system")

    embedded(files, base, cache=tmp_path / "cache")
    monkeypatch.setattr(os, "utime", refuse)
    assert embedded(files, base, cache=tmp_path / "cache").remembered == len(files)


def test_threads_that_remember_the_same_do_not_meet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, row = Cache(tmp_path, "all alike", 4096), np.zeros(4096, np.float32)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(400):
            pool.submit(cache.keep, "same", row)
    assert caplog.text == ""
    assert cache.find("same") is not None


def test_copies_are_made_of_few_pictures_only() -> None:
    assert alterations_for(16, 2) == (mirrored, centred)
    assert alterations_for(17, 2) == ()


def test_the_centre_of_a_picture_comes_nearer() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 20:40] = 255  # a third of the width
    nearer = centred(pixels)
    assert nearer.shape == pixels.shape
    assert (nearer[20, :, 0] > 127).sum() == round(20 / 0.85)
