"""What earlier lessons made of pictures: teaching again costs no more than reading the files.

One small file for each picture, base and way of looking. Losing any of them costs time only, so
none is worth an fsync: a checksum tells what a power cut or a full disk left of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.paths import user_folder

LIMIT_BYTES = 256 << 20
_CHECK_BYTES = 16

log = logging.getLogger(__name__)


def user_cache() -> Path | None:
    """The folder of this user's cache; None of a user without a home."""
    user = user_folder("XDG_CACHE_HOME")
    return None if user is None else user / "embeddings"


class Cache:
    """Rows of numbers by the pictures that they are of. For any number of threads.

    `about` names everything else that a row depends on; `numbers` is the length of a row. Without
    a folder nothing is remembered.
    """

    def __init__(self, folder: Path | None, about: str, numbers: int) -> None:
        self._folder = folder
        self._about = about
        self._numbers = numbers
        self._writable = True

    def name(self, picture: Path) -> str | None:
        """What the row of a file of this content is called; None where it cannot be read."""
        if self._folder is None or not picture.is_file():  # reading a pipe would never end
            return None
        try:
            with picture.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        return hashlib.sha256(f"{self._about}; {content}".encode()).hexdigest()[:40]

    def find(self, name: str | None) -> NDArray[np.float32] | None:
        """The row of that name, float32 of shape (numbers,), if it is there and whole."""
        if self._folder is None or name is None:
            return None
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # nobody prunes what cannot be written
            os.utime(self._folder / name)  # the oldest go first
        check, row = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
        if len(row) != self._numbers * 4 or check != _check(row):
            return None
        return np.frombuffer(row, np.float32)

    def keep(self, name: str | None, row: NDArray[np.float32]) -> None:
        """Remember a row, whole or not at all."""
        folder = self._folder
        if folder is None or name is None or not self._writable:
            return
        content = row.astype(np.float32).tobytes()
        new = folder / f"{name}.{os.getpid()}.{threading.get_ident()}.new"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(_check(content) + content)
            new.replace(folder / name)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            self._give_up(folder, error)

    def prune(self, limit_bytes: int = LIMIT_BYTES) -> None:
        """Let go of what was not used for longest, until the rest is within the limit."""
        if self._folder is None:
            return
        total = 0
        with suppress(OSError):  # there is none, or another lesson prunes it as well
            with os.scandir(self._folder) as entries:
                found = [(entry.stat(), entry.path) for entry in entries if entry.is_file()]
            for stat, path in sorted(found, key=lambda each: -each[0].st_mtime_ns):
                total += stat.st_size
                if total > limit_bytes:
                    Path(path).unlink(missing_ok=True)

    def _give_up(self, folder: Path, error: OSError) -> None:
        """What is there already can be read all the same."""
        if self._writable:
            self._writable = False
            log.warning(
                "%s: %s; the next lesson looks at these pictures again", folder, error.strerror
            )


def _check(row: bytes) -> bytes:
    return hashlib.blake2b(row, digest_size=_CHECK_BYTES).digest()
