"""Pictures on disk: each a JPEG, and beside it what the engine got. Nothing is ever half there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgecls.dataset import seen_beside

JPEG, SEEN = ".jpg", ".seen.png"
_PART = ".part"  # behind a dot in front: no folder of pictures takes it for one
_OURS = re.compile(rf"\d{{8}}-\d{{6}}\.\d{{3}}{re.escape(JPEG)}")


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, oldest first; none where there is no folder. Raises OSError."""
    return [folder / name for name in _pictures(_sizes_in(folder))]


def is_ours(picture: Path) -> bool:
    """Whether it has a name as we give them: others we do not take away."""
    return _OURS.fullmatch(picture.name) is not None


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


def remove(picture: Path) -> None:
    """Take both files of a picture away. Raises OSError."""
    for path in (seen_beside(picture), picture):
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Take away what a process that was killed left half written. Raises OSError."""
    for path in folder.glob(f".*{_PART}"):
        path.unlink(missing_ok=True)


def counted(folder: Path) -> dict[Path, int]:
    """The bytes of each picture and what lies beside it, oldest first; for whom nobody else writes
    there. What is left of pictures that somebody took away, or of half ones, is taken away. Raises
    OSError."""
    sizes = _sizes_in(folder)
    pictures = _pictures(sizes)
    beside = {name: name.removesuffix(JPEG) + SEEN for name in pictures}
    left = {name for name in sizes if name.endswith((SEEN, f"{JPEG}{_PART}", f"{SEEN}{_PART}"))}
    for name in left.difference(beside.values()):
        with suppress(FileNotFoundError, PermissionError):  # it is gone, or not ours
            (folder / name).unlink()
    return {folder / name: sizes[name] + sizes.get(beside[name], 0) for name in pictures}


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


def _pictures(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.endswith(JPEG) and not name.startswith("."))


def _sizes_in(folder: Path) -> dict[str, int]:
    """The bytes of each file, by its name: by one look at the folder, which may hold thousands."""
    sizes = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_file():
                    sizes[entry.name] = entry.stat().st_size
    return sizes


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
