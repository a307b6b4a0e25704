"""The last good model of each watch: what has proved itself, with a copy of it on disk.

In the folder, `<watch>.json` says what is known of a watch, and names the copy of its model beside
it. It is written after the copy and before the copy of an earlier model goes: whenever the process
or the power dies, what it names is there, and whole.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edgecls.errors import ConfigError, ModelError
from edgecls.good import Good, Known, Refused, Tried, blamed, understood, written
from edgecls.settings import ModelSettings
from edgecls.trial import Share
from edgecls.vision.whole import write_whole

log = logging.getLogger(__name__)

_RETRY_S = 60.0  # for a disk that is full, or cannot be written
_PATIENCE_S = 1.0  # for whoever is saving


class LastGood:
    """Known in memory, and on disk: for any thread, but `save`, which is never for the loop's."""

    def __init__(self, folder: Path | None) -> None:
        """Reads what is known. Without a `folder` nothing is, and nothing is kept on disk."""
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._unsaved: set[str] = set()
        self._kept: dict[str, tuple[str, ...]] = {}  # the copies that are named on disk
        self._swept = False
        self._retry_s = 0.0
        self._saving = threading.Lock()
        self._failing = False
        if folder is not None:
            for file in _manifests(folder):
                self._read(file)

    def of(self, watch: str) -> Known:
        """What is known of a watch."""
        return self._known.get(watch, Known())

    def refusal(self, watch: str, sha256: str) -> str | None:
        """Why a model is not to be used, though it could be: another one is good."""
        known = self.of(watch)
        if known.good is None or known.refused is None or known.refused.sha256 != sha256:
            return None
        return known.refused.why

    def earlier(self, watch: str) -> Share | None:
        """How the good model did before another one was tried, and refused."""
        refused = self.of(watch).refused
        return None if refused is None else refused.baseline

    def baseline(self, watch: str, sha256: str) -> Share | None:
        """What a model is on trial against, by what an earlier process began."""
        tried = self.of(watch).tried
        return tried.baseline if tried is not None and tried.sha256 == sha256 else None

    def copy(self, good: Good) -> ModelSettings:
        """By which its copy is loaded. Raises ModelError where there cannot be one."""
        if self._folder is None:
            raise ModelError(f"{good.model}: no copy is kept")
        model, labels = (str(self._folder / name) for name in good.files)
        return replace(good.settings, file=model, labels_file=labels)

    def proved(self, watch: str, good: Good) -> None:
        """A model has proved itself: whatever was before is settled."""
        self._put(watch, Known(good))
        with self._lock:
            self._unsaved.add(watch)  # its copy may have been damaged meanwhile

    def tries(self, watch: str, good: Good, tried: Tried | None) -> None:
        """A model takes the place of a good one, and is on trial."""
        self._put(watch, Known(good, None, tried))

    def begins(self, watch: str, sha256: str) -> None:
        """A process begins with this model: if it has not proved itself, it may be the end of it.
        To be saved before the first frame."""
        known = self.of(watch)
        if known.good is None or known.good.sha256 == sha256:
            return
        tried = known.tried
        if tried is None or tried.sha256 != sha256:
            tried = Tried(sha256, None)
        self._put(watch, replace(known, tried=replace(tried, ended=tried.ended + 1)))

    def ends_in_order(self) -> None:
        """The process ends, and no model is to blame."""
        for watch, known in list(self._known.items()):
            if known.tried is not None:
                self._put(watch, replace(known, tried=replace(known.tried, ended=0)))

    def refuse(self, watch: str, refused: Refused) -> None:
        """A model did not pass."""
        self._put(watch, Known(self.of(watch).good, refused))

    def forgive(self, watch: str) -> None:
        """What was refused, or on trial, is so no longer."""
        self._put(watch, Known(self.of(watch).good))

    def save(self, watches: Collection[str]) -> None:
        """Bring the folder up to date: for these watches, and without any other."""
        with self._lock:
            for name in self._known.keys() - watches:
                del self._known[name]
                self._unsaved.add(name)
            unsaved = self._unsaved.copy()
        nothing_new = self._swept and not unsaved
        if self._folder is None or nothing_new or time.monotonic() < self._retry_s:
            return
        if self._saving.acquire(timeout=_PATIENCE_S):
            try:
                self._bring_up_to_date(self._folder, unsaved)
            finally:
                self._saving.release()

    def _bring_up_to_date(self, folder: Path, unsaved: Collection[str]) -> None:
        try:
            for name in unsaved:
                self._write(folder, name)
            self._sweep(folder)
        except OSError as error:
            self._retry_s = time.monotonic() + _RETRY_S
            self._drop_halves(folder)
            if not self._failing:
                log.warning("no copy of the last good model can be kept: %s", error)
            self._failing = True
        else:
            if self._failing:
                log.info("copies of the last good models are kept again")
            self._failing = False

    def _put(self, watch: str, known: Known) -> None:
        with self._lock:
            if known != self.of(watch):
                self._unsaved.add(watch)
            self._known[watch] = known

    def _write(self, folder: Path, watch: str) -> None:
        with self._lock:
            self._unsaved.discard(watch)
            known = self._known.get(watch)
        try:
            if known is None:
                _manifest(folder, watch).unlink(missing_ok=True)
                self._kept.pop(watch, None)
                return
            if known.good is not None:
                _write_copy(folder, known.good)
            _write_if_new(_manifest(folder, watch), written(known))
            self._kept[watch] = () if known.good is None else known.good.files
        except OSError:
            with self._lock:
                self._unsaved.add(watch)
            raise

    def _sweep(self, folder: Path) -> None:
        """Copies that nobody names any more, and what was half written when the power went."""
        self._swept = True
        if not folder.is_dir():
            return
        named = {_manifest(folder, watch).name for watch in self._kept}
        named |= {copy for copies in self._kept.values() for copy in copies}
        for file in list(folder.iterdir()):
            if file.name not in named:
                file.unlink(missing_ok=True)

    @staticmethod
    def _drop_halves(folder: Path) -> None:
        """A full disk has no room for what could not be written whole."""
        with suppress(OSError):
            for file in folder.glob("*.new"):
                file.unlink()

    def _read(self, file: Path) -> None:
        try:
            known = understood(json.loads(file.read_bytes()))
        except (OSError, ValueError, RecursionError, ConfigError) as error:
            log.warning("%s: cannot be read (%s): no last good model is known", file, error)
        else:
            self._known[file.stem] = blamed(known)
            self._kept[file.stem] = () if known.good is None else known.good.files


def last_good_folder(state_dir: Path, device: str) -> Path:
    """Where the copies of a device lie."""
    return state_dir / f"last-good-{device}"


def _manifests(folder: Path) -> list[Path]:
    """Those that there are; none where nobody may look."""
    try:
        return sorted(folder.glob("*.json"))
    except OSError:
        return []


def _manifest(folder: Path, watch: str) -> Path:
    return folder / f"{watch}.json"


def _write_if_new(file: Path, content: bytes) -> None:
    if not file.is_file() or file.read_bytes() != content:
        write_whole(file, content)


def _write_copy(folder: Path, good: Good) -> None:
    """The labels first: where the model is, all of it is."""
    copy, beside = (folder / name for name in good.files)
    if good.engine is None or (beside.is_file() and _is_whole(copy, good)):
        return
    labels = io.StringIO()
    csv.writer(labels).writerows([["label"], *([label] for label in good.engine.labels)])
    write_whole(beside, labels.getvalue().encode())
    content = good.engine.model.content
    if shutil.disk_usage(folder).free < 2 * len(content):  # the events need some room
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write_whole(copy, content)


def _is_whole(copy: Path, good: Good) -> bool:
    try:
        return hashlib.sha256(copy.read_bytes()).hexdigest() == good.sha256
    except OSError:
        return False
