"""All pictures that the daemon keeps, within one bound: the ambiguous ones make room first."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Set
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from edgecls.collecting import files
from edgecls.collecting.album import Album, Encode
from edgecls.collecting.picture import Picture

MOST_AMBIGUOUS = 1000  # pictures of a watch
_SPARE_BYTES = 32_000_000  # of the disk: they are for events
COUNT_S = 30.0  # people take pictures away
_USUAL_BYTES = 200_000  # of a picture
_ALBUMS = 8  # of labels whose pictures are remembered; strangers choose them


class Full(Exception):
    """Pictures that were asked for have taken all the room there is."""


def collected_folder(state_dir: Path, device: str) -> Path:
    """Where `<watch>/<label>/` lie: each watch's folder is one to teach from."""
    return state_dir / f"collected-{device}"


def ambiguous_folder(state_dir: Path, device: str) -> Path:
    """Where `<watch>/` lie. Not among the labels, that nobody takes "ambiguous" for one."""
    return state_dir / f"ambiguous-{device}"


class Stock:
    """Of one device; for the thread that writes."""

    def __init__(self, state_dir: Path, device: str, jpeg: Encode) -> None:
        self._state_dir, self._jpeg = state_dir, jpeg
        self._collected = collected_folder(state_dir, device)
        self._ambiguous = ambiguous_folder(state_dir, device)
        self._albums: dict[Path, Album] = {}
        self._rings: dict[str, dict[Path, int]] = {}  # by watch: bytes, oldest first
        self._labels: dict[str, Set[str]] = {}  # by watch
        self._asked_bytes = 0
        self._wanted = _USUAL_BYTES  # by the newest picture
        self._counted_s: float | None = None

    @property
    def bytes(self) -> int:
        """What all pictures take, as last counted."""
        return self._asked_bytes + sum(sum(ring.values()) for ring in self._rings.values())

    def folder(self, watch: str, label: str | None) -> Path:
        """Of a label, or of the ambiguous ones."""
        return self._ambiguous / watch if label is None else self._collected / watch / label

    def keep(self, watch: str, label: str | None, picture: Picture, max_bytes: int) -> Path | None:
        """The file of a picture; None where one nearly the same is there. Raises Full, OSError or
        ValueError, and nothing is kept."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        if self._counted_s is None or time.monotonic() - self._counted_s >= COUNT_S:
            self.count(max_bytes)
        album = self._album(self.folder(watch, label), durable=label is not None)
        path = album.keep(picture, partial(self._make_room, watch, label, max_bytes))
        if path is not None:
            size = files.size_of(path)
            if label is None:
                self._rings.setdefault(watch, {})[path] = size
            else:
                self._asked_bytes += size
                self._labels[watch] = self.labels(watch) | {label}
        return path

    def labels(self, watch: str) -> Set[str]:
        """Of which there are pictures, as last counted. For any thread."""
        return self._labels.get(watch, set())

    def count(self, max_bytes: int) -> None:
        """What is there, whoever has put it or taken it away; ambiguous pictures beyond the bound
        go. Raises OSError."""
        rings = [each for each in _folders(self._ambiguous) if os.access(each, os.W_OK)]
        labels = {watch.name: _folders(watch) for watch in _folders(self._collected)}
        asked = [sum(files.counted(label).values()) for each in labels.values() for label in each]
        self._rings = {each.name: ring for each in rings if (ring := _ring(each))}
        self._labels = {watch: {label.name for label in labels[watch]} for watch in labels}
        self._asked_bytes = sum(asked)
        self._drop_beyond(max_bytes)
        self._counted_s = time.monotonic()

    def is_full(self, max_bytes: int) -> bool:
        """Whether the next picture that is asked for has no room, as far as one can tell."""
        return self._asked_bytes + self._wanted > max_bytes

    def renews(self, watch: str, max_bytes: int) -> bool:
        """Whether the next ambiguous picture takes the place of others."""
        many = len(self._rings.get(watch, ())) >= MOST_AMBIGUOUS
        return many or self.bytes + self._wanted > max_bytes

    def _make_room(self, watch: str, label: str | None, max_bytes: int, wanted: int) -> None:
        self._wanted = wanted
        if shutil.disk_usage(self._state_dir).free - wanted < _SPARE_BYTES:
            raise OSError(errno.ENOSPC, "the rest of the disk is left to events")
        if self._asked_bytes + wanted > max_bytes:
            raise Full("those that were asked for take all that max_mb in [collect] allows")
        if label is None:
            while len(self._rings.get(watch, ())) >= MOST_AMBIGUOUS:
                self._drop_oldest(watch)
        self._drop_beyond(max_bytes - wanted)

    def _drop_beyond(self, max_bytes: int) -> None:
        """The oldest ambiguous pictures, as long as there are any."""
        while self._rings and self.bytes > max_bytes:
            self._drop_oldest(max(self._rings, key=lambda each: len(self._rings[each])))

    def _drop_oldest(self, watch: str) -> None:
        ring = self._rings[watch]
        oldest = next(iter(ring))
        files.remove(oldest)
        del ring[oldest]
        if not ring:
            del self._rings[watch]

    def _album(self, folder: Path, *, durable: bool) -> Album:
        """A ring is not synchronised: that spares a memory card."""
        album = self._albums.pop(folder, None)
        if album is None:
            album = Album(folder, self._jpeg, private=True, durable=durable)
        self._albums[folder] = album
        if len(self._albums) > _ALBUMS + len(self._rings):
            del self._albums[next(iter(self._albums))]
        return album


def _ring(folder: Path) -> dict[Path, int]:
    """The bytes of each of our pictures, oldest first. One whose time is still to come is of a
    clock that was wrong: it must not outlast all that are right."""
    now, sizes = files.stamp(datetime.now(UTC)), files.counted(folder)
    ours = filter(files.is_ours, sizes)
    return {path: sizes[path] for path in sorted(ours, key=lambda path: path.name <= now)}


def _folders(folder: Path) -> list[Path]:
    """Those inside that we may look into: `lost+found` is not ours."""
    if not folder.is_dir():
        return []
    inside = [each for each in folder.iterdir() if each.is_dir()]
    return [each for each in inside if os.access(each, os.R_OK | os.X_OK)]
