"""The pictures of one folder, none of them nearly the same as one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from edgecls.collecting import files, jpeg, png
from edgecls.collecting.picture import Picture
from edgecls.domain import Pixels
from edgecls.errors import PictureError
from edgecls.likeness import Likeness, alike, likeness

Encode = Callable[[Pixels], bytes]
"""RGB uint8 (height, width, 3) -> JPEG. Raises ValueError."""

_COMPARED = 300  # pictures, the newest: what a thread compares in some milliseconds
_FOUND = 100  # of them, those that lie there from before: to read one takes some 10 ms


class Album:
    """For one thread."""

    def __init__(self, folder: Path, encode: Encode, *, private: bool, durable: bool) -> None:
        """`folder` is made when it is needed; nobody else may look into a `private` one."""
        self.folder = folder
        self._encode, self._durable = encode, durable
        self._folder_mode, self._file_mode = (0o700, 0o600) if private else (0o777, 0o666)
        self._known: dict[Path, Likeness] | None = None  # None: not yet looked at what is there

    def keep(self, picture: Picture, make_room: Callable[[int], None] | None = None) -> Path | None:
        """The file of the picture; None where one nearly the same lies there already.

        `make_room` is called with the bytes that will be written. Raises what it raises, OSError
        or ValueError, and nothing is kept.
        """
        known = self._opened()
        mark = likeness(picture.region)
        if _has_one_like(mark, known):
            return None
        region, seen = self._encode(picture.region), png.encode(picture.seen)
        if make_room is not None:
            make_room(len(region) + len(seen))
        files.make(self.folder, self._folder_mode)
        path = files.free_name(self.folder, picture.ts)
        files.write(path, region, seen, mode=self._file_mode, durable=self._durable)
        known[path] = mark
        if len(known) > _COMPARED:
            del known[next(iter(known))]
        return path

    def count(self) -> int:
        """How many pictures lie there. Raises OSError."""
        return len(files.pictures_in(self.folder))

    def _opened(self) -> dict[Path, Likeness]:
        if self._known is None:
            files.sweep(self.folder)
            self._known = {}
            for path in files.pictures_in(self.folder)[-_FOUND:]:
                with suppress(PictureError):
                    self._known[path] = likeness(jpeg.read(path))
        return self._known


def _has_one_like(mark: Likeness, known: Mapping[Path, Likeness]) -> bool:
    """Whether one of these pictures is nearly the same: of those that still lie there."""
    if not known:
        return False
    found = alike(mark, np.stack(list(known.values())))
    return any(same and path.exists() for path, same in zip(known, found, strict=True))
