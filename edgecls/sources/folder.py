"""`dir:`: the pictures of a folder, in the order of their names."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from edgecls.errors import ConfigError, PictureError
from edgecls.paths import beside
from edgecls.pictures import SUFFIXES, read_picture
from edgecls.pixels import ArrayImage
from edgecls.sources.address import Folder
from edgecls.sources.base import LIVE_FPS, Shot, Wanted
from edgecls.sources.pace import MEDIA_SLACK, Pacer, Thinner

log = logging.getLogger(__name__)


class FolderOrigin:
    """Pictures as frames. Media time is index / fps: of the source, else of the camera, else 10."""

    def __init__(self, address: Folder, wanted: Wanted) -> None:
        self.broken = 0
        self._address = address
        self._wanted = wanted
        self._path = beside(wanted.base, address.path)
        self._files = self._pictures()

    def shots(self) -> Iterator[Shot]:
        """Every picture that is due and can be read; of a loop without end."""
        settings = self._wanted.settings
        fps = self._address.fps or settings.fps or LIVE_FPS
        thinner = Thinner(settings.fps, MEDIA_SLACK)
        pacer = Pacer(self._wanted.stop)
        start = 0
        while True:
            readable = False
            for index, file in enumerate(self._files, start):
                media_s = index / fps
                if self._wanted.stop.is_set():
                    return
                if not thinner.due(media_s):
                    continue
                image = self._read(file, tell=start == 0)
                if image is None:
                    continue
                if self._address.realtime and not pacer.wait(media_s):
                    return
                readable = True
                yield Shot(image, media_s=media_s)
            if not readable and len(self._files) > 0 and self.broken >= len(self._files):
                raise ConfigError(
                    f"camera {self._wanted.camera}: no picture in {self._path} can be read"
                )
            if not self._address.loop:
                return
            start += len(self._files)

    def close(self) -> None:
        """Nothing is open between two pictures."""

    def _read(self, file: Path, *, tell: bool) -> ArrayImage | None:
        try:
            with self._wanted.progress.inside(f"reading {file}"):
                return ArrayImage(read_picture(file))
        except PictureError as error:
            self.broken += 1
            if tell:  # once, not in every loop
                log.warning("camera %s: skipped: %s", self._wanted.camera, error)
            return None

    def _pictures(self) -> list[Path]:
        place = f"camera {self._wanted.camera}: "
        try:
            files = [
                file
                for file in self._path.iterdir()
                if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
            ]
        except FileNotFoundError:
            raise ConfigError(f"{place}no such folder: {self._path}") from None
        except OSError as error:
            raise ConfigError(f"{place}{self._path}: {error.strerror}") from error
        if not files:
            kinds = ", ".join(SUFFIXES)
            raise ConfigError(f"{place}no pictures ({kinds}) in {self._path}")
        return sorted(files, key=_as_people_count)


def _as_people_count(file: Path) -> list[tuple[int, str]]:
    """frame-9 comes before frame-10."""
    parts = re.split(r"(\d+)", file.name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
