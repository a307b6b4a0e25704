"""What is suspected of pictures: nothing of good photos, and of bad ones what is bad."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecls.domain import Pixels
from edgecls.pictures import read_picture
from edgecls.teaching.occasions import occasions
from edgecls.teaching.sample import Picture, noticed, taken_s
from edgecls.teaching.suspicions import Kind, Suspicion, suspicions
from tests.teaching.photos import KINDS, photos_of

LABELS = tuple(KINDS)
COUNT = 20


@pytest.fixture(scope="module")
def photos(data: Path) -> list[list[tuple[Path, Pixels]]]:
    """20 photos of each kind."""
    return [
        [(file, read_picture(file)) for file in photos_of(data, kind)[:COUNT]] for kind in LABELS
    ]


@pytest.fixture(scope="module")
def good(photos: list[list[tuple[Path, Pixels]]]) -> list[list[Picture]]:
    return [
        [noticed(file, label, pixels) for file, pixels in of_label]
        for label, of_label in enumerate(photos)
    ]


def suspected(
    by_label: Sequence[Sequence[Picture]], labels: Sequence[str] = LABELS
) -> list[Suspicion]:
    pictures = [picture for of_label in by_label for picture in of_label]
    return suspicions(pictures, labels, occasions(pictures))


def altered(
    photos: Sequence[tuple[Path, Pixels]], label: int, how: Callable[[Pixels], Pixels]
) -> list[Picture]:
    return [noticed(file.with_suffix(".new.jpg"), label, how(pixels)) for file, pixels in photos]


def darkened(pixels: Pixels) -> Pixels:
    return (pixels * 0.4).astype(np.uint8)


def warmed(pixels: Pixels) -> Pixels:
    """As by lamp light, and as bright."""
    warm: Pixels = (pixels * np.array([0.9, 0.75, 0.6])).astype(np.uint8)
    return warm


def cooled(pixels: Pixels) -> Pixels:
    cool: Pixels = (pixels * np.array([0.6, 0.75, 0.9])).astype(np.uint8)
    return cool


def a_bit_brighter(pixels: Pixels) -> Pixels:
    return (pixels.astype(np.int16) + 4).clip(0, 255).astype(np.uint8)


def test_good_photos_are_above_suspicion(good: list[list[Picture]]) -> None:
    assert suspected(good) == []


def test_few_pictures_of_a_label_are_counted(good: list[list[Picture]]) -> None:
    (found,) = suspected([good[0], good[1][:6], good[2]])
    assert (found.kind, found.labels, found.figures) == (Kind.FEW, ("dog",), {"dog": 6})
    assert "(6 of 'dog')" in found.sentence


def test_of_many_labels_with_few_pictures_some_are_named(good: list[list[Picture]]) -> None:
    labels = [f"bird {number}" for number in range(9)]
    pictures = [replace(good[0][number], label=number) for number in range(9)]
    (few,) = [s for s in suspected([[one] for one in pictures], labels) if s.kind is Kind.FEW]
    assert "1 of 'bird 5' and as few of 3 labels more): the model" in few.sentence
    assert len(few.labels) == len(few.figures) == 9


def test_of_few_pictures_the_different_ones_are_counted(good: list[list[Picture]]) -> None:
    found = suspected([good[0], [*good[1][:6], good[1][0]], good[2]])
    (few,) = [each for each in found if each.kind is Kind.FEW]
    assert "(6 different ones of the 7 of 'dog')" in few.sentence


def test_pictures_that_are_copies_teach_nothing(
    good: list[list[Picture]], photos: list[list[tuple[Path, Pixels]]]
) -> None:
    birds = good[0][:12] + altered(photos[0][:8], 0, a_bit_brighter)
    (found,) = suspected([birds, *good[1:]])
    assert (found.kind, found.labels) == (Kind.ALIKE, ("bird",))
    assert found.figures == {"pictures": 20, "different": 12}
    assert found.files[0] == photos[0][0][0].with_suffix(".new.jpg")


def test_a_scene_in_two_folders_is_named_with_both_files(
    good: list[list[Picture]], photos: list[list[tuple[Path, Pixels]]]
) -> None:
    dogs = good[1][:-1] + altered(photos[0][3:4], 1, a_bit_brighter)
    (found,) = suspected([good[0], dogs, good[2]])
    assert (found.kind, found.labels) == (Kind.SAME_SCENE, ("bird", "dog"))
    assert found.files == (photos[0][3][0], photos[0][3][0].with_suffix(".new.jpg"))
    assert all(str(file) in found.sentence for file in found.files)


def test_pictures_taken_one_after_the_other_are_one_occasion(good: list[list[Picture]]) -> None:
    birds = [replace(bird, taken_s=1e9 + 2 * place) for place, bird in enumerate(good[0])]
    days = [replace(dog, taken_s=1e9 + 86400 * place) for place, dog in enumerate(good[1])]
    (found,) = suspected([birds, days, good[2]])
    assert (found.kind, found.labels) == (Kind.NEIGHBOURS, ("bird",))
    assert found.figures == {"pictures": 20, "occasions": 1}


def test_a_label_that_is_only_dark_is_suspected_of_its_light(
    good: list[list[Picture]], photos: list[list[tuple[Path, Pixels]]]
) -> None:
    (found,) = suspected([good[0], altered(photos[1], 1, darkened)], LABELS[:2])
    assert (found.kind, found.labels) == (Kind.LIGHT, ("bird", "dog"))
    assert found.figures["pairs"] > 0.9
    assert "'bird' are brighter than those of 'dog'" in found.sentence


def test_some_of_each_in_either_light_are_above_suspicion(
    good: list[list[Picture]], photos: list[list[tuple[Path, Pixels]]]
) -> None:
    birds, dogs = (
        good[label][:10] + altered(photos[label][10:], label, darkened) for label in (0, 1)
    )
    assert suspected([birds, dogs], LABELS[:2]) == []


def test_another_colour_of_the_light_counts_where_the_place_is_the_same(data: Path) -> None:
    """By day and by lamp, in frames of one camera; of photos of other things it says nothing."""
    import av

    with av.open(str(data / "videos/one-by-one-person-detection.mp4")) as video:
        frames = [
            frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            for number, frame in zip(range(260), video.decode(video=0), strict=False)
            if number % 10 == 0
        ]
    taken = [(Path(f"{place}.jpg"), frame) for place, frame in enumerate(frames)]
    lamp = altered(taken[::2], 0, warmed)
    day = altered(taken[1::2], 1, cooled)
    found = [each for each in suspected([lamp, day], ("lamp", "day")) if each.kind is Kind.LIGHT]
    assert [(each.labels, "redder" in each.sentence) for each in found] == [(("lamp", "day"), True)]


def test_a_label_with_many_times_the_pictures_is_noticed(good: list[list[Picture]]) -> None:
    many = good[0] + [
        replace(bird, likeness=np.roll(bird.likeness, shift))
        for shift in (100, 300, 500)
        for bird in good[0]
    ]
    found = suspected([many, good[1][:12]], LABELS[:2])
    assert [each.kind for each in found] == [Kind.UNBALANCED]
    assert found[0].figures == {"most": 80, "least": 12}
    assert suspected([many, good[1][:12]], ("none", "dog")) == []


def test_occasions_are_told_by_gaps_and_last_a_minute_at_most(good: list[list[Picture]]) -> None:
    times = [0, 5, 9, 30, 35, 1000, *range(2000, 2126, 9)]
    birds = [replace(bird, taken_s=float(t)) for bird, t in zip(good[0], times, strict=True)]
    found = occasions(birds).tolist()
    # 0 to 9, 30 to 35, 1000, and every 9 seconds from 2000 on: seven in a minute.
    assert found == [0] * 3 + [1] * 2 + [2] + [3] * 7 + [4] * 7


def test_pictures_of_two_labels_are_never_one_occasion(good: list[list[Picture]]) -> None:
    bird, dog = good[0][0], replace(good[0][0], label=1)
    assert occasions([replace(bird, taken_s=1.0), replace(dog, taken_s=1.5)]).tolist() == [0, 1]


def test_the_same_view_is_another_occasion_after_ten_minutes(good: list[list[Picture]]) -> None:
    views = [replace(good[0][0], taken_s=taken) for taken in (0.0, 300.0, 5000.0)]
    assert occasions(views).tolist() == [0, 0, 1]
    assert occasions([replace(view, taken_s=None) for view in views]).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "after_s"),
    [
        ("20261121-161500.123.jpg", 0.123),
        ("20261121-161501.jpg", 1.0),
        ("IMG_20261121_161502.jpg", 2.0),
        ("PXL_20261121_161503456.jpg", 3.456),
        ("2026112116150.jpg", None),
        ("99999999-999999.jpg", None),
        ("gate 12.jpg", None),
    ],
)
def test_names_say_when_a_picture_was_taken(
    tmp_path: Path, name: str, after_s: float | None
) -> None:
    quarter_past_four = 1795277700.0
    found = taken_s(tmp_path / name)
    assert found == (None if after_s is None else pytest.approx(quarter_past_four + after_s))


def test_exif_says_when_a_picture_was_taken(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8))
    exif = picture.getexif()
    exif.get_ifd(0x8769)[0x9003] = "2026:11:21 16:15:09"
    picture.save(tmp_path / "gate.jpg", exif=exif)
    assert taken_s(tmp_path / "gate.jpg") == 1795277709.0


def test_a_file_that_is_no_picture_was_taken_nobody_knows_when(tmp_path: Path) -> None:
    (tmp_path / "gate.jpg").write_bytes(b"no picture")
    assert taken_s(tmp_path / "gate.jpg") is None
    assert taken_s(tmp_path / "missing.jpg") is None
    os.mkfifo(tmp_path / "pipe.jpg")
    assert taken_s(tmp_path / "pipe.jpg") is None
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    assert taken_s(tmp_path / "bomb.png") is None


def test_empty_pictures_show_no_place() -> None:
    colours = ((120, 100, 80), (10, 60, 90))
    by_label = [
        [noticed(Path("x.png"), label, np.full((30, 40, 3), colour, np.uint8))] * 5
        for label, colour in enumerate(colours)
    ]
    found = suspected(by_label, ("one", "other"))  # NumPy would warn of a correlation of nothing
    assert not any("redder" in each.sentence for each in found)


def test_a_label_that_is_nearly_none_is_asked_about(good: list[list[Picture]]) -> None:
    (found,) = suspected(good, ("bird", "dog", "nonee"))
    assert (found.kind, found.labels) == (Kind.MISSPELT, ("nonee",))
    assert suspected(good, ("one", "two", "three")) == []
    assert suspected(good, ("none", "none1", "two")) == []
