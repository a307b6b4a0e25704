"""Pictures on disk: each a JPEG, and beside it what the engine got. Nothing is ever half there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgecls.dataset import seen_beside

JPEG, SEEN = ".jpg", ".seen.png"
_PART = ".part"  # behind a dot in front: no folder of pictures takes it for one


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, oldest first; none where there is no folder. Raises OSError."""
    with suppress(FileNotFoundError):
        names = (entry.name for entry in os.scandir(folder) if entry.name.endswith(JPEG))
        return sorted(folder / name for name in names if not name.startswith("."))
    return []


def free_name(folder: Path, ts: float) -> Path:
    """The file of a picture of that moment: `20261121-161500.123.jpg`, in UTC."""
    moment = datetime.fromtimestamp(ts, UTC)
    while True:
        picture = folder / f"{stamp(moment)}{JPEG}"
        if not picture.exists():
            return picture
        moment += timedelta(milliseconds=1)


def stamp(moment: datetime) -> str:
    """What the names of a moment's pictures begin with: in the order of time."""
    return f"{moment:%Y%m%d-%H%M%S}.{moment.microsecond // 1000:03}"


def write(picture: Path, jpeg: bytes, seen: bytes, *, mode: int, durable: bool) -> None:
    """The two files of a picture. Raises OSError, and neither is there.

    `durable`: they also outlast a power cut. One that is killed leaves parts behind.
    """
    wanted = {picture: jpeg, seen_beside(picture): seen}  # a picture alone is one, too
    try:
        for path, content in wanted.items():
            _write_part(_part_of(path), content, mode, durable=durable)
    except OSError:
        _forget([_part_of(path) for path in wanted])
        raise
    _put_in_place(wanted)


def remove(picture: Path) -> int:
    """Take both files of a picture away; how many bytes they had. Raises OSError."""
    gone = 0
    for path in (seen_beside(picture), picture):
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            gone += size
    return gone


def sweep(folder: Path) -> None:
    """Take away what a process that was killed left half written. Raises OSError."""
    for path in folder.glob(f".*{_PART}"):
        path.unlink(missing_ok=True)


def drop_widows(folder: Path) -> None:
    """Take away what the engine got of pictures that somebody took away. Raises OSError."""
    kept = {seen_beside(picture) for picture in pictures_in(folder)}
    for seen in folder.glob(f"*{SEEN}"):
        if seen not in kept:
            seen.unlink(missing_ok=True)


def size_of(picture: Path) -> int:
    """The bytes of both files of a picture, as far as they are there."""
    size = 0
    for path in (picture, seen_beside(picture)):
        with suppress(OSError):
            size += path.stat().st_size
    return size


def make(folder: Path, mode: int) -> None:
    """The folder and those above it that are missing, all with this mode. Raises OSError."""
    if not folder.is_dir():
        make(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{_PART}")


def _write_part(part: Path, content: bytes, mode: int, *, durable: bool) -> None:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(descriptor)


def _put_in_place(wanted: Mapping[Path, bytes]) -> None:
    try:
        for path in wanted:
            _part_of(path).replace(path)
    except OSError:
        _forget([each for path in wanted for each in (path, _part_of(path))])
        raise


def _forget(paths: Sequence[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
