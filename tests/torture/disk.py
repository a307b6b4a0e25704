"""A small disk of one's own, and how it gets full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FILM = "film.mp4"


@contextmanager
def file_system(folder: Path, size: str) -> Iterator[Path]:
    """The folder, as a file system of that size. Skips the test where that may not be made."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "edgecls-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write until nothing more goes in."""
    with (folder / _FILM).open("ab", buffering=0) as film:
        for size in (4096, 1):
            try:
                while True:
                    film.write(b"x" * size)
            except OSError:
                continue


def empty(folder: Path) -> None:
    """Take back what filled it."""
    (folder / _FILM).unlink(missing_ok=True)
