"""Puts a taught model where it was asked for: whole and proven, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edgecls.errors import EdgeclsError, UsageError
from edgecls.vision.provenance import Origin, read_provenance

_SPARE_BYTES = 1 << 20  # for the head and the labels, beside the base


def may_be_put(file: Path, base: Path, size: int) -> None:
    """Raise, before the work begins, where a model of about `size` bytes could not be put there.

    In the place of another file only of one that was taught. Raises UsageError; EdgeclsError where
    nothing can be written, or no space is left.
    """
    if file.suffix != ".tflite":
        raise UsageError(f"-o {file}: must end in .tflite, such as {file.stem or 'x'}.tflite")
    try:
        _check_place(file, base)
        new = _beside(file)
        new.write_bytes(b"")
        new.unlink()
        free = shutil.disk_usage(new.parent).free
    except OSError as error:
        raise EdgeclsError(f"-o {file}: cannot be written: {error.strerror}") from error
    if free < size + _SPARE_BYTES:
        raise EdgeclsError(
            f"-o {file}: no space is left on its disk: {free // 10**6} MB are free, about "
            f"{(size + _SPARE_BYTES) / 1e6:.1f} MB are needed"
        )


def put(content: bytes, file: Path, prove: Callable[[Path], None]) -> None:
    """Write the model beside its place, let it be proven there, and put it in its place.

    Whatever happens, an earlier file stays or is replaced as a whole. Raises EdgeclsError, and what
    `prove` raises.
    """
    new = _beside(file)
    try:
        with new.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        prove(new)
        new.replace(os.path.realpath(file))
    except OSError as error:
        raise EdgeclsError(f"{file}: cannot be written: {error.strerror or error}") from error
    finally:
        new.unlink(missing_ok=True)


def _check_place(file: Path, base: Path) -> None:
    if file.is_dir():
        raise UsageError(f"-o {file}: is a folder; name a file in it")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"-o {file}: there is no folder {file.absolute().parent}")
    if not file.exists():
        return
    if not file.is_file():  # reading a pipe or a device would never end
        raise UsageError(f"-o {file}: is a pipe or a device; name another file")
    origin = read_provenance(file.read_bytes())
    if file.samefile(base):
        raise UsageError(f"-o {file}: is the base itself; {_instead(origin)}")
    if origin is None:
        raise UsageError(
            f"-o {file}: is there and was not taught by edgecls; name another file, or remove it"
        )


def _instead(origin: Origin | None) -> str:
    if origin is None:
        return "name another file"
    return f"to teach it anew, name what it was taught on: --base {origin.parent}"


def _beside(file: Path) -> Path:
    """Where the new model lies first, for this lesson alone; of a link, beside what it leads to.

    Raises OSError.
    """
    place = Path(os.path.realpath(file))  # Path.resolve() has other errors for links in a circle
    return place.with_name(f".{place.name}.{os.getpid()}.new")
