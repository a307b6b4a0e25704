"""The pictures that a head learns from: as embeddings, and what they say of themselves."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.domain import Pixels
from edgecls.likeness import Likeness, likeness

Numbers = NDArray[np.intp]

# As `collect` names them, and many a phone: 20261121-161500.123, IMG_20261121_161500.
_NAMED = re.compile(r"(?<!\d)(\d{8})[-_T](\d{6})(?:\.?(\d{3}))?(?!\d)")
_EXIF_BLOCK, _TAKEN = 0x8769, 0x9003
_WITH_EXIF = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Sample:
    """Embeddings, one row for each picture and for each augmented copy of one."""

    embeddings: NDArray[np.float32]  # (rows, dimensions)
    classes: Numbers  # (rows,): position of the label
    pictures: Numbers  # (rows,): which picture a row is of, 0..count-1; copies share it
    own: NDArray[np.bool_]  # (rows,): the picture itself, once for each; not an augmented copy

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return int(self.own.sum())

    @property
    def truths(self) -> Numbers:
        """The class of each picture, shape (count,)."""
        truths = np.empty(self.count, np.intp)
        truths[self.pictures] = self.classes
        return truths


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of one picture beside its embedding; the place in a list is its number."""

    file: Path
    label: int  # position of the label
    likeness: Likeness
    taken_s: float | None  # when it was taken (seconds since 1970), where that is known


def noticed(file: Path, label: int, pixels: Pixels) -> Picture:
    """What there is to know of a picture that was read: RGB uint8 (height, width, 3)."""
    return Picture(file, label, likeness(pixels), taken_s(file))


def taken_s(file: Path) -> float | None:
    """When a picture was taken, by its name as `collect` gives it, else by its EXIF entry.

    The file's own time says when it was copied, so it is not asked. Only differences are told:
    whether names and cameras mean UTC is not known.
    """
    for date, time, milliseconds in _NAMED.findall(file.name):
        if (taken := _moment(date + time)) is not None:
            return taken + int(milliseconds or 0) / 1000
    return _by_exif(file)


def _by_exif(file: Path) -> float | None:
    from PIL import Image

    if not file.is_file():  # opening a pipe would never end
        return None
    try:
        with Image.open(file, formats=_WITH_EXIF) as image:
            if "exif" not in image.info:  # else a PNG would be decoded, in search of it
                return None
            told = str(image.getexif().get_ifd(_EXIF_BLOCK).get(_TAKEN, ""))
    # Damaged entries raise what they please, and nothing depends on them.
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError):
        return None
    except (struct.error, Image.DecompressionBombError):
        return None
    return _moment("".join(filter(str.isdecimal, told)))


def _moment(digits: str) -> float | None:
    """Year to second in 14 digits; None where that is no time."""
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
