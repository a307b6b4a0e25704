"""The last good model of each watch: what has proved itself, in memory and as a copy on disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgecls.copies import Copies
from edgecls.errors import ModelError
from edgecls.good import Beside, Good, Known, Refused, Tried
from edgecls.settings import ModelSettings
from edgecls.trial import Share

log = logging.getLogger(__name__)

_RETRY_S = 60.0  # for a disk that is full, or cannot be written
_PATIENCE_S = 1.0  # for whoever is saving


class LastGood:
    """For any thread, but `save`, which waits for the disk and is never for the loop's."""

    def __init__(self, folder: Path | None) -> None:
        """Reads what is known. Without a `folder` nothing is, and nothing is kept on disk."""
        self._copies = None if folder is None else Copies(folder)
        self._lock = threading.Lock()
        self._known = {} if self._copies is None else self._copies.read()
        self._beside: set[tuple[str, str]] = set()  # shadows that this process has begun with
        self._unsaved: set[str] = set()
        self._saving = threading.Lock()
        self._swept = False
        self._retry_s = 0.0
        self._failing = False

    def of(self, watch: str) -> Known:
        """What is known of a watch."""
        return self._known.get(watch, Known())

    def refusal(self, watch: str, sha256: str) -> Refused | None:
        """Of a model that is not to be used, though it could be: another one is good."""
        known = self.of(watch)
        if known.good is None or known.refused is None or known.refused.sha256 != sha256:
            return None
        return known.refused

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
        if self._copies is None:
            raise ModelError(f"{good.model}: no copy is kept")
        return self._copies.settings(good)

    def proved(self, watch: str, good: Good) -> None:
        """A model has proved itself: whatever was before is settled."""
        self._put(watch, good=good, refused=None, tried=None)
        with self._lock:
            self._unsaved.add(watch)  # its copy may have been damaged meanwhile

    def tries(self, watch: str, good: Good, tried: Tried) -> None:
        """A model takes the place of a good one, and is on trial."""
        self._put(watch, good=good, refused=None, tried=tried)

    def begins(self, watch: str, sha256: str) -> None:
        """A process begins with this model: if it has not proved itself, it may be the end of it.
        To be saved before the first frame."""
        known = self.of(watch)
        if known.good is None or known.good.sha256 == sha256:
            return
        tried = known.tried
        if tried is None or tried.sha256 != sha256:
            tried = Tried(sha256, None)
        self._put(watch, tried=replace(tried, ended=tried.ended + 1))

    def ends_in_order(self) -> None:
        """The process ends, and no model is to blame."""
        for watch, known in list(self._known.items()):
            if known.tried is not None:
                self._put(watch, tried=replace(known.tried, ended=0))
            beside = known.beside
            if beside is not None and (watch, beside.sha256) in self._beside:
                self._put(watch, beside=replace(beside, ended=0))

    def shadow_begins(self, watch: str, model: str, sha256: str, *, anew: bool = False) -> None:
        """A shadow is about to be loaded, and may be the end of the process: it is noted on disk
        until it is known to be harmless. `anew`: somebody asks for it. Raises ModelError where
        process after process has ended with it."""
        beside = self.of(watch).beside
        if beside is None or beside.sha256 != sha256 or (anew and not beside.harmless):
            beside = Beside(sha256)
            self._beside.discard((watch, sha256))
        if beside.harmless or (watch, sha256) in self._beside:
            return
        if beside.is_blamed:
            raise ModelError(
                f"{beside.ended} processes in a row ended while the shadow, {model}, was new: "
                "it is not loaded; set/shadow tries it again, as does another file"
            )
        self._beside.add((watch, sha256))
        self._put(watch, beside=replace(beside, ended=beside.ended + 1))
        self.save(tuple(self._known))

    def shadow_is_harmless(self, watch: str, sha256: str) -> None:
        """It has looked along for long. Another one may be about to be loaded."""
        beside = self.of(watch).beside
        if beside is not None and beside.sha256 == sha256:
            self._put(watch, beside=Beside(sha256, harmless=True))

    def no_shadow(self, watch: str) -> None:
        """None is wanted: whichever comes next is a new one."""
        if self.of(watch).beside is not None:
            self._put(watch, beside=None)

    def refuse(self, watch: str, refused: Refused) -> None:
        """A model did not pass."""
        self._put(watch, refused=refused, tried=None)

    def forgive(self, watch: str) -> None:
        """What was refused, or on trial, is so no longer."""
        self._put(watch, refused=None, tried=None)

    def save(self, watches: Collection[str]) -> None:
        """Bring the folder up to date: for these watches, and without any other."""
        with self._lock:
            for name in self._known.keys() - watches:
                del self._known[name]
                self._unsaved.add(name)
            unsaved = self._unsaved.copy()
        nothing_new = self._swept and not unsaved
        if self._copies is None or nothing_new or time.monotonic() < self._retry_s:
            return
        if self._saving.acquire(timeout=_PATIENCE_S):
            try:
                self._bring_up_to_date(self._copies, unsaved)
            finally:
                self._saving.release()

    def _bring_up_to_date(self, copies: Copies, unsaved: Collection[str]) -> None:
        try:
            for name in unsaved:
                self._write(copies, name)
            self._swept = True
            copies.sweep()
        except OSError as error:
            self._retry_s = time.monotonic() + _RETRY_S
            copies.drop_halves()
            if not self._failing:
                log.warning("no copy of the last good model can be kept: %s", error)
            self._failing = True
        else:
            if self._failing:
                log.info("copies of the last good models are kept again")
            self._failing = False

    def _write(self, copies: Copies, watch: str) -> None:
        with self._lock:
            self._unsaved.discard(watch)
            known = self._known.get(watch)
        try:
            copies.write(watch, known)
        except OSError:
            with self._lock:
                self._unsaved.add(watch)
            raise

    def _put(self, watch: str, **changes: Any) -> None:
        with self._lock:
            known = replace(self.of(watch), **changes)
            if known != self.of(watch):
                self._unsaved.add(watch)
            self._known[watch] = known


def last_good_folder(state_dir: Path, device: str) -> Path:
    """Where the copies of a device lie."""
    return state_dir / f"last-good-{device}"
