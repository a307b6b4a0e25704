"""Which pictures count as nearly identical, on real photos and a real video."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from edgecls.domain import Pixels
from edgecls.likeness import (
    LIKENESS_SIZE,
    Likeness,
    Seen,
    alike,
    likeness,
    may_be_alike,
    near_identical,
    outlines,
)
from edgecls.pictures import read_picture


@pytest.fixture(scope="module")
def photos(data: Path) -> list[Pixels]:
    return [read_picture(file) for file in sorted((data / "images/eval").iterdir())[:100]]


@pytest.fixture(scope="module")
def frames(data: Path) -> dict[int, Pixels]:
    """Every 5th of the first 150 frames; somebody comes in at 60."""
    import av

    with av.open(str(data / "videos/one-by-one-person-detection.mp4")) as video:
        return {
            number: frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
            for number, frame in zip(range(150), video.decode(video=0), strict=False)
            if number % 5 == 0
        }


def again(pixels: Pixels, quality: int) -> Pixels:
    """The picture after another JPEG compression."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def brighter(pixels: Pixels, levels: int) -> Pixels:
    return (pixels.astype(np.int16) + levels).clip(0, 255).astype(np.uint8)


def test_a_photo_is_itself_after_compression_and_in_a_touch_more_light(
    photos: list[Pixels],
) -> None:
    for photo in photos[:40]:
        one = likeness(photo)
        assert near_identical(one, likeness(again(photo, quality=60)))
        assert near_identical(one, likeness(brighter(photo, 5)))


def test_a_photo_in_quite_another_light_is_another_one(photos: list[Pixels]) -> None:
    for photo in photos[:40]:
        darker = (photo * 0.5).astype(np.uint8)
        assert not near_identical(likeness(photo), likeness(darker))


def test_different_photos_are_never_nearly_identical(photos: list[Pixels]) -> None:
    all_of_them = np.array([likeness(photo) for photo in photos])
    for place, one in enumerate(all_of_them):
        assert alike(one, all_of_them).tolist() == [other == place for other in range(100)]


def test_frames_in_which_nothing_moves_are(frames: dict[int, Pixels]) -> None:
    empty = [likeness(frames[number]) for number in range(0, 50, 5)]
    assert all(near_identical(one, other) for one in empty for other in empty)


def test_a_frame_with_somebody_in_it_is_new(frames: dict[int, Pixels]) -> None:
    empty = likeness(frames[0])
    assert not any(near_identical(empty, likeness(frames[number])) for number in range(80, 150, 5))


def test_a_clock_in_the_corner_makes_no_new_picture(photos: list[Pixels]) -> None:
    for photo in photos[:40]:
        height, width, _ = photo.shape
        told = photo.copy()
        told[: height // 16, : width // 8] = 255 - told[: height // 16, : width // 8]
        assert near_identical(likeness(photo), likeness(told))


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (128, 128), (1080, 1920)])
def test_a_picture_of_one_colour_is_that_colour_at_any_size(shape: tuple[int, int]) -> None:
    found = likeness(np.full((*shape, 3), (255, 51, 0), np.uint8))
    assert found.shape == (LIKENESS_SIZE,)
    assert found.dtype == np.dtype("float32")
    assert found.reshape(3, -1) == pytest.approx(np.repeat([[1.0], [0.2], [0.0]], 256, axis=1))


def noise(seed: int) -> Likeness:
    return np.random.default_rng(seed).random(LIKENESS_SIZE, np.float32)


def test_what_was_seen_is_not_new_until_it_is_forgotten() -> None:
    seen = Seen(most=2)
    assert [seen.is_new(noise(seed)) for seed in (1, 1, 2, 1)] == [True, False, True, False]
    assert seen.is_new(noise(3))  # in the place of the first
    assert [seen.is_new(noise(seed)) for seed in (2, 3, 1)] == [False, False, True]


def test_what_is_alike_in_grey_but_not_in_colour_is_new() -> None:
    grey = np.full((32, 32, 3), 100, np.uint8)
    red = np.full((32, 32, 3), (200, 50, 50), np.uint8)
    assert not near_identical(likeness(grey), likeness(red))


def test_an_outline_never_hides_what_is_alike(photos: list[Pixels]) -> None:
    likenesses = np.array([likeness(pixels) for pixels in photos])
    random = np.random.default_rng(0)
    differences = random.choice((-0.045, 0.045), (100, LIKENESS_SIZE // 3))
    differences[:, random.choice(LIKENESS_SIZE // 3, 2)] = 0.9  # as far off as is let off
    others = likenesses + np.tile(differences, 3).astype(np.float32)
    found = 0
    for one, other in zip(likenesses, others, strict=True):
        same = alike(one, other[None])
        found += int(same[0])
        assert may_be_alike(outlines(one[None])[0], outlines(other[None]))[0] >= same[0]
    assert found == len(photos)


def test_outlines_tell_most_photos_apart(photos: list[Pixels]) -> None:
    outlined = outlines(np.array([likeness(pixels) for pixels in photos]))
    near = np.array([may_be_alike(one, outlined) for one in outlined])
    assert near.mean() < 0.1
