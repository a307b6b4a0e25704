"""The delivery's database: events with their numbers, and notes; SQLite.

Every write is one transaction that is on the disk when it returns (WAL, synchronous=FULL). What
SQLite raises goes to the caller, and then nothing has changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecls.delivery.clock import Stamp, boot_id
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import Payload, encode, event_payload
from edgecls.delivery.room import Room
from edgecls.domain import LabelEvent
from edgecls.settings import OutboxSettings

_LOCK_TIMEOUT_S = 5.0  # for a predecessor that is just going
_MEMORY = ":memory:"

_PRAGMAS = """
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 250;
    PRAGMA journal_size_limit = 2000000;
    PRAGMA cache_size = -1000;
"""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS events (
        id INTEGER PRIMARY KEY,   -- the order in which they are sent
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,
        watch TEXT NOT NULL,
        from_seq INTEGER,         -- of a gap
        body TEXT NOT NULL,       -- the payload but for what differs between copies
        boot TEXT NOT NULL, handed_ns INTEGER NOT NULL, ts REAL NOT NULL,
        acked INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS waiting ON events (id) WHERE acked = 0;
    CREATE TABLE IF NOT EXISTS notes (
        kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
"""
_COLUMNS = "id, epoch, seq, watch, from_seq, body, boot, handed_ns, ts, acked"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event or gap that was committed."""

    id: int
    watch: str
    payload: Payload
    stamp: Stamp  # when its frame was handed over


@dataclass(slots=True)
class Batch:
    """What is to be committed together."""

    events: list[tuple[LabelEvent, bool]] = field(default_factory=list)  # and its ts_sync
    acked: list[int] = field(default_factory=list)
    notes: dict[tuple[str, str], Any] = field(default_factory=dict)  # None: forget it

    def __bool__(self) -> bool:
        return bool(self.events or self.acked or self.notes)


class Store:
    """One open database. For one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: in memory. Raises sqlite3.DatabaseError, also when another has the file."""
        self._in_memory = path is None
        self._inherited_to = 0  # the last id that was taken over from another store
        # The daemon opens it before the thread that owns it is there.
        self._db = sqlite3.connect(
            path or _MEMORY, _LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._db.text_factory = _text
        try:
            self._db.executescript(_PRAGMAS)
            with self._transaction():  # takes the lock, for as long as we live
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
        except sqlite3.Error:
            self._db.close()
            raise
        self.numbering, self.count, self.pending, self.last_id = Numbering(), 0, 0, 0
        self.damage: sqlite3.DatabaseError | None = None  # what can be read can be taken over
        try:
            self.numbering = self._read_numbering()
            self.count, self.pending, self.last_id = self._counts()
        except sqlite3.DatabaseError as error:
            self.damage = error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def notes(self, kind: str) -> dict[str, Any]:
        """The notes of a kind, by name."""
        rows = self._db.execute("SELECT name, value FROM notes WHERE kind = ?", (kind,))
        return {name: _parsed(value) for name, value in rows}

    def first_waiting(self, without: Collection[int] = ()) -> Entry | None:
        """The oldest that the broker has not acknowledged, but for those of these ids."""
        marks = ",".join("?" * len(without))
        query = f"WHERE acked = 0 AND id NOT IN ({marks}) ORDER BY id LIMIT 1"
        return next(self._entries(query, *without), None)

    def since(self, epoch: str, after_seq: int, limit: int) -> list[Entry]:
        """Those of an epoch after a number, acknowledged or not, oldest first."""
        query = "WHERE epoch = ? AND seq > ? ORDER BY id LIMIT ?"
        return list(self._entries(query, epoch, after_seq, limit))

    @property
    def bytes_on_disk(self) -> int:
        """The size of the database without its journal."""
        return self._pragma("page_count") * self._pragma("page_size")

    def write(self, batch: Batch, bounds: OutboxSettings, under_way: Collection[int] = ()) -> int:
        """Commit a batch; how many events had to be lost to make room.

        Acknowledged events go first, then the oldest that are not under way.
        """
        numbering, pending, count = self.numbering.copy(), self.pending, self.count
        last_id = self.last_id
        with self._transaction():
            for event, ts_sync in batch.events:
                last_id += 1
                self._insert(last_id, numbering, event, ts_sync)
            acked = [(id_,) for id_ in batch.acked]
            settle = "UPDATE events SET acked = 1 WHERE id = ? AND acked = 0"
            settled = self._db.executemany(settle, acked).rowcount if acked else 0
            notes = batch.notes
            if batch.events:
                notes = {**notes, ("numbering", "now"): _written(numbering)}
            self._put(notes)
            new = len(batch.events)
            room = Room(self._db, count + new, pending + new - settled)
            room.make(bounds.max_events, self._max_pages(bounds), under_way)
        self.numbering, self.last_id = numbering, last_id
        self.count, self.pending = room.count, room.pending
        return room.lost

    def take_over(self, other: Store, *, epoch: str | None = None) -> None:
        """Go on for another store: with its notes and its events, from which those follow that it
        once took over from us. Its numbers go on, or those of a new `epoch` begin.

        What the other cannot read any more is left out; into memory go waiting events only.
        """
        numbering = other.numbering.copy()
        if epoch is not None:
            numbering = Numbering(epoch, 0, numbering.starts)
        shift = self.last_id - other._inherited_to
        which = "WHERE acked = 0" if self._in_memory else ""
        with self._transaction():
            if other._inherited_to:
                ours = "DELETE FROM events WHERE acked = 0 AND id <= ?"
                self._db.execute(ours, (other._inherited_to,))
                self._db.execute("DELETE FROM notes")
            rows = other._readable(f"SELECT {_COLUMNS} FROM events {which} ORDER BY id", 5)
            for id_, *row in rows:
                moved = id_ if id_ <= other._inherited_to else id_ + shift
                values = (moved, *row)
                self._db.execute(f"INSERT OR REPLACE INTO events VALUES ({'?,' * 9}?)", values)
            for row in other._readable("SELECT kind, name, value FROM notes ORDER BY kind", 2):
                self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)
            self._put({("numbering", "now"): _written(numbering)})
            counts = self._counts()
        self.numbering = numbering
        self.count, self.pending, last_id = counts
        self.last_id = self._inherited_to = max(last_id, other.last_id + shift)

    def _counts(self) -> tuple[int, int, int]:
        """All events, those that wait, and the last id."""
        counts: tuple[int, int, int] = self._db.execute(
            "SELECT COUNT(*), IFNULL(SUM(acked = 0), 0), IFNULL(MAX(id), 0) FROM events"
        ).fetchone()
        return counts

    def _insert(self, id_: int, numbering: Numbering, event: LabelEvent, ts_sync: bool) -> None:
        numbered = numbering.number(event, ts_sync=ts_sync)
        body = encode(event_payload(numbered)).decode()
        stamp = (boot_id(), event.handed_ns, event.ts)
        self._db.execute(
            f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?, 0)",
            (id_, numbered.epoch, numbered.seq, event.watch, body, *stamp),
        )

    def _put(self, notes: Mapping[tuple[str, str], Any]) -> None:
        for (kind, name), value in notes.items():
            if value is None:
                self._db.execute("DELETE FROM notes WHERE kind = ? AND name = ?", (kind, name))
            else:
                row = (kind, name, encode(value).decode())
                self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)

    def _entries(self, query: str, *values: Any) -> Iterator[Entry]:
        columns = "id, watch, body, boot, handed_ns, ts"
        for row in self._db.execute(f"SELECT {columns} FROM events {query}", values):
            id_, watch, body, *stamp = row
            yield Entry(id_, watch, _parsed(body), Stamp(*stamp))

    def _readable(self, query: str, json_at: int) -> Iterator[list[Any]]:
        """The rows of a query, if there is JSON in them: up to where the database cannot be read,
        and then from the other end."""
        for direction in ("ASC", "DESC"):
            try:
                for row in self._db.execute(f"{query} {direction}"):
                    with suppress(ValueError):
                        json.loads(row[json_at])
                        yield list(row)
            except sqlite3.DatabaseError:
                continue
            return

    def _read_numbering(self) -> Numbering:
        match self.notes("numbering").get("now"):
            case {"epoch": str(epoch), "seq": int(seq), "starts": dict(starts)}:
                return Numbering(epoch, seq, starts)
        return Numbering()

    def _max_pages(self, bounds: OutboxSettings) -> int:
        return bounds.max_mb * 1_000_000 // self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        value: int = self._db.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk ends it by itself
                self._db.execute("ROLLBACK")
            raise


class Damaged(sqlite3.DatabaseError):
    """What SQLite did not notice: it keeps no checksums."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Damaged(f"no JSON where some should be: {error}") from error


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _written(numbering: Numbering) -> dict[str, Any]:
    return {"epoch": numbering.epoch, "seq": numbering.seq, "starts": numbering.starts}
