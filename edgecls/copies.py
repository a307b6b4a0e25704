"""The folder of the last good models: of each watch what is known of its models, and a copy.

`<watch>.json` names the copy of a model beside it. It is written after the copy and before the copy
of an earlier model goes: whenever the process or the power dies, what it names is there, and whole.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edgecls.errors import ConfigError
from edgecls.good import Good, Known, blamed, understood, written
from edgecls.settings import ModelSettings
from edgecls.vision.whole import write_whole

log = logging.getLogger(__name__)


class Copies:
    """For one thread at a time; what fails raises OSError, and what was there is as before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: dict[str, tuple[str, ...]] = {}  # the copies of each watch

    def read(self) -> dict[str, Known]:
        """What is known of each watch. What cannot be read is not known, and the log says so."""
        found = {}
        for file in self._manifests():
            try:
                known = understood(json.loads(file.read_bytes()))
            except (OSError, ValueError, RecursionError, ConfigError) as error:
                log.warning("%s: cannot be read (%s): no last good model is known", file, error)
            else:
                self._named[file.stem] = _files(known)
                found[file.stem] = blamed(known)
        return found

    def settings(self, good: Good) -> ModelSettings:
        """By which a copy is loaded."""
        model, labels = (str(self._folder / name) for name in good.files)
        return replace(good.settings, file=model, labels_file=labels)

    def write(self, watch: str, known: Known | None) -> None:
        """Have this on disk; None: nothing of the watch."""
        if known is None:
            self._manifest(watch).unlink(missing_ok=True)
            self._named.pop(watch, None)
            return
        if known.good is not None:
            self._write_copy(known.good)
        _write_if_new(self._manifest(watch), written(known))
        self._named[watch] = _files(known)

    def sweep(self) -> None:
        """Copies that nobody names any more, and what was half written when the power went."""
        if not self._folder.is_dir():
            return
        named = {self._manifest(watch).name for watch in self._named}
        named |= {copy for copies in self._named.values() for copy in copies}
        for file in list(self._folder.iterdir()):
            if file.name not in named:
                file.unlink(missing_ok=True)

    def drop_halves(self) -> None:
        """A full disk has no room for what could not be written whole."""
        with suppress(OSError):
            for file in self._folder.glob("*.new"):
                file.unlink()

    def _manifests(self) -> list[Path]:
        """Those that there are; none where nobody may look."""
        try:
            return sorted(self._folder.glob("*.json"))
        except OSError:
            return []

    def _manifest(self, watch: str) -> Path:
        return self._folder / f"{watch}.json"

    def _write_copy(self, good: Good) -> None:
        """The labels first: where the model is, all of it is."""
        if good.engine is None:
            return
        copy, beside = (self._folder / name for name in good.files)
        table = io.StringIO()
        csv.writer(table).writerows([["label"], *([label] for label in good.engine.labels)])
        _write_if_new(beside, table.getvalue().encode())
        content = good.engine.model.content
        if _holds(copy, content):
            return
        if shutil.disk_usage(self._folder).free < 2 * len(content):  # the events need some room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_whole(copy, content)


def _files(known: Known) -> tuple[str, ...]:
    return () if known.good is None else known.good.files


def _write_if_new(file: Path, content: bytes) -> None:
    if not _holds(file, content):
        write_whole(file, content)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:
        return False
