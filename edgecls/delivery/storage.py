"""The store on the disk; or another one, where the disk cannot take it or the file is damaged.

Whatever happens to the disk, classification goes on: a damaged file is set aside for a new one,
and what cannot be written is kept in memory until it can. Each of these begins a new epoch.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

from edgecls.delivery.store import Store
from edgecls.delivery.transfer import Rescued, give_back, rescue
from edgecls.errors import EdgeclsError
from edgecls.health import Health

log = logging.getLogger(__name__)

T = TypeVar("T")

REPLACED = "database_replaced"
DAMAGED, NEW, JOURNAL = ".damaged", ".new", "-wal"
RETRY_S = 30.0  # before the disk is tried again
PUT_OFF_S = 1.0  # while events are on their way
MAX_REPLACEMENTS = 3  # in one run: a disk that damages every file is no place for one

# SQLITE_ERROR: no such table or column, a database of somebody else's.
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_OUR_FAULT = (sqlite3.ProgrammingError, sqlite3.InterfaceError)


class Storage:
    """Owned by the delivery thread. `use` gives the store of the moment to whoever needs it."""

    def __init__(self, path: Path | None, health: Health) -> None:
        """`path` None: in memory, by intention. Raises EdgeclsError when another process has it."""
        self._path, self._health = path, health
        self._retry_at = math.inf
        self._replacements = 0
        self._rescued = Rescued()  # what memory holds for the disk
        self.in_memory = path is None
        self._store = Store(None) if path is None else self._opened(path)

    def use(self, action: Callable[[Store], T]) -> T:
        """What `action` does with the store; if the disk fails, with the one that replaces it."""
        while True:
            try:
                return action(self._store)
            except sqlite3.DatabaseError as error:
                if isinstance(error, _OUR_FAULT) or self.in_memory:
                    raise
                self._store = self._successor(error, self._store)

    @property
    def retry_at(self) -> float:
        """When (monotonic) `retry` is to be called; never, while all is well."""
        return self._retry_at

    def put_off(self) -> None:
        """Not now."""
        self._retry_at = time.monotonic() + PUT_OFF_S

    def retry(self) -> None:
        """Go back to the disk if it can be written again. Nothing may be under way."""
        assert self._path is not None
        self._retry_at = time.monotonic() + RETRY_S
        with suppress(sqlite3.DatabaseError, OSError), ExitStack() as undo:
            store = _open(self._path)
            undo.callback(store.close)
            if store.damage is not None:
                store = self._begun_anew(store.damage, store)
                undo.callback(store.close)
            give_back(self._store, store, self._rescued)
            undo.pop_all()
            self._store.close()
            self._store, self.in_memory, self._retry_at = store, False, math.inf
            self._health.fault(REPLACED, False)
            log.info("%s can be written again: events are kept on disk", self._path)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _opened(self, path: Path) -> Store:
        emptied = path.is_file() and path.stat().st_size == 0
        try:
            store = _open(path)
        except sqlite3.DatabaseError as error:
            if _code(error) == sqlite3.SQLITE_BUSY:
                raise EdgeclsError(
                    f"{path} is in use: another edgecls runs for this device; stop it, or give"
                    " this one a [device] id of its own"
                ) from error
            return self._successor(error, None)
        if emptied:
            log.error("%s was empty: what was in it is lost", path)
            self._health.fault(REPLACED, True)
        return store if store.damage is None else self._successor(store.damage, store)

    def _successor(self, error: sqlite3.DatabaseError, broken: Store | None) -> Store:
        """A new file where the old one is damaged, else memory; with what can still be read."""
        self._health.fault(REPLACED, True)
        self._replacements += 1
        if _code(error) in _BROKEN and self._replacements <= MAX_REPLACEMENTS:
            try:
                return self._begun_anew(error, broken)
            except (OSError, sqlite3.DatabaseError) as another:
                error = sqlite3.DatabaseError(f"{error}; and a new one cannot be begun: {another}")
        log.error("%s cannot be used: %s; events are kept in memory", self._path, error)
        self.in_memory, self._retry_at = True, time.monotonic() + RETRY_S
        memory = Store(None)
        self._rescued = Rescued()
        if broken is not None:
            self._rescued = rescue(broken, memory)
            broken.close()
        return memory

    def _begun_anew(self, error: sqlite3.DatabaseError, broken: Store | None) -> Store:
        """The damaged file set aside, and a new one with what can be read in its place.

        Filled under another name: whenever we are killed, one of the two is whole.
        """
        assert self._path is not None
        new = _beside(self._path, NEW)
        _remove(new)
        heir = Store(new)
        try:
            if broken is not None:
                rescue(broken, heir)
        finally:
            heir.close()
        _set_aside(self._path)
        new.replace(self._path)
        if broken is not None:
            broken.close()  # before the new one has a journal: it would remove that
        aside = _beside(self._path, DAMAGED).name
        log.error("%s: %s; set aside as %s and begun anew", self._path, error, aside)
        return Store(self._path)


def _open(path: Path) -> Store:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = _beside(path, NEW)
        if new.exists() and not path.exists():  # we were killed between two renames
            _set_aside(path)
            new.replace(path)
        else:
            _remove(new)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error
    return Store(path)


def _set_aside(path: Path) -> None:
    """One damaged file is kept for those who want to look into it, and its journal."""
    for part in ("", JOURNAL):
        file = _beside(path, part)
        if file.exists():
            file.replace(_beside(path, DAMAGED + part))


def _remove(path: Path) -> None:
    for part in ("", JOURNAL):
        _beside(path, part).unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the extended ones carry it in their low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
