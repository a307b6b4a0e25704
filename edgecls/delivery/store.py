"""The delivery's database: events with their numbers, and notes; SQLite.

Every write is one transaction that is on the disk when it returns (WAL, synchronous=FULL). What
SQLite raises goes to the caller, and then nothing has changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecls.delivery.clock import Stamp, boot_id
from edgecls.delivery.numbering import Numbering
from edgecls.delivery.payloads import Payload, encode, event_payload
from edgecls.delivery.room import Room
from edgecls.delivery.rows import COLUMNS, Damaged, Reading, Row, parsed
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
    CREATE INDEX IF NOT EXISTS numbers ON events (epoch, seq);
    CREATE TABLE IF NOT EXISTS notes (
        kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
"""
_MARKS = ",".join("?" * len(COLUMNS.split(",")))


@dataclass(frozen=True, slots=True)
class Entry:
    """An event or gap that was committed."""

    id: int
    watch: str
    payload: Payload
    stamp: Stamp  # when its frame was handed over

    @classmethod
    def of(cls, row: Row) -> Entry:
        """Raises Damaged for a row that was not written by us."""
        payload = row.payload()
        return cls(row.id, row.watch, payload, row.stamp(known=bool(payload["ts_sync"])))


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
        self.in_memory = path is None
        # The daemon opens it before the thread that owns it is there.
        self._db = sqlite3.connect(
            path or _MEMORY,
            timeout=_LOCK_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._db.text_factory = _text
        try:
            self._db.executescript(_PRAGMAS)
            with self.transaction():  # takes the lock, for as long as we live
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
        except UnicodeDecodeError as error:  # sqlite3 cannot even read what SQLite complains of
            self._db.close()
            raise Damaged(str(error)) from error
        except sqlite3.Error:
            self._db.close()
            raise
        self.numbering, self.count, self.pending, self.last_id = Numbering(), 0, 0, 0
        self.damage: sqlite3.DatabaseError | None = None  # what can be read can be rescued
        try:
            self.numbering = self._read_numbering()
            self.recount()
            if not self.notes("numbering"):  # the epoch begins with the file
                with self.transaction():
                    self.put_numbering(self.numbering)
        except sqlite3.DatabaseError as error:
            self.damage = error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def notes(self, kind: str) -> dict[str, Any]:
        """The notes of a kind, by name."""
        rows = self._db.execute("SELECT name, value FROM notes WHERE kind = ?", (kind,))
        return {name: parsed(value) for name, value in rows}

    def first_waiting(self, without: Collection[int] = ()) -> Entry | None:
        """The oldest that the broker has not acknowledged, but for those of these ids."""
        marks = ",".join("?" * len(without))
        query = f"WHERE acked = 0 AND id NOT IN ({marks}) ORDER BY id LIMIT 1"
        return next(self._entries(query, *without), None)

    def since(self, epoch: str, after_seq: int, limit: int) -> list[Entry]:
        """Those of an epoch after a number, acknowledged or not, oldest first."""
        query = "WHERE epoch = ? AND seq > ? ORDER BY seq LIMIT ?"
        return list(self._entries(query, epoch, after_seq, limit))

    @property
    def bytes_on_disk(self) -> int:
        """The size of the database without its journal."""
        return self._pragma("page_count") * self._pragma("page_size")

    def write(self, batch: Batch, bounds: OutboxSettings, under_way: Collection[int] = ()) -> int:
        """Commit a batch; how many events had to be lost to make room.

        Acknowledged events go first, then the oldest that are not under way.
        """
        numbering, last_id, new = self.numbering.copy(), self.last_id, len(batch.events)
        with self.transaction():
            for event, ts_sync in batch.events:
                last_id += 1
                self.put_event(_row(last_id, numbering, event, ts_sync))
            acked = [(id_,) for id_ in batch.acked]
            settle = "UPDATE events SET acked = 1 WHERE id = ? AND acked = 0"
            settled = self._db.executemany(settle, acked).rowcount if acked else 0
            self.put_notes(batch.notes)
            if new:
                self.put_numbering(numbering)
            room = Room(self._db, self.count + new, self.pending + new - settled)
            room.make(bounds.max_events, self._max_pages(bounds), under_way)
        self.numbering, self.last_id = numbering, last_id
        self.count, self.pending = room.count, room.pending
        return room.lost

    def put_event(self, row: Row) -> None:
        """Part of a transaction: an event, unless there is one of that id."""
        self._db.execute(f"INSERT OR IGNORE INTO events ({COLUMNS}) VALUES ({_MARKS})", row)

    def put_notes(self, notes: Mapping[tuple[str, str], Any]) -> None:
        """Part of a transaction: notes; None forgets one."""
        for (kind, name), value in notes.items():
            if value is None:
                self._db.execute("DELETE FROM notes WHERE kind = ? AND name = ?", (kind, name))
            else:
                row = (kind, name, encode(value).decode())
                self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", row)

    def put_numbering(self, numbering: Numbering) -> None:
        """Part of a transaction: the numbers that were given."""
        now = {"epoch": numbering.epoch, "seq": numbering.seq, "starts": numbering.starts}
        self.put_notes({("numbering", "now"): now})

    def settle(self, epoch: str, seq: int) -> bool:
        """Part of a transaction: an event was acknowledged; whether there is one."""
        query = "UPDATE events SET acked = 1 WHERE epoch = ? AND seq = ?"
        return self._db.execute(query, (epoch, seq)).rowcount > 0

    def has(self, epoch: str, seq: int) -> bool:
        """Whether there is an event of that number."""
        query = "SELECT 1 FROM events WHERE epoch = ? AND seq = ?"
        return self._db.execute(query, (epoch, seq)).fetchone() is not None

    def forget_notes(self) -> None:
        """Part of a transaction: all of them."""
        self._db.execute("DELETE FROM notes")

    def readable_events(self, *, waiting: bool) -> Reading[Row]:
        """The events in their order, all or those that wait, as far as they can be read."""
        which = "WHERE acked = 0" if waiting else ""
        query = f"SELECT {COLUMNS} FROM events {which} ORDER BY id"
        return Reading(self._db, query, Row.checked)

    def readable_notes(self) -> Reading[tuple[str, str, Any]]:
        """Kind, name and value of the notes, as far as they can be read."""
        query = "SELECT kind, name, value FROM notes ORDER BY kind"
        return Reading(self._db, query, lambda row: (str(row[0]), str(row[1]), parsed(row[2])))

    def recount(self) -> None:
        """Count events, those that wait, and find the last id."""
        self.count, self.pending, self.last_id = self._db.execute(
            "SELECT COUNT(*), IFNULL(SUM(acked = 0), 0), IFNULL(MAX(id), 0) FROM events"
        ).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk afterwards."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk ends it by itself
                self._db.execute("ROLLBACK")
            raise

    def _entries(self, query: str, *values: Any) -> Iterator[Entry]:
        rows: Iterable[Any] = self._db.execute(f"SELECT {COLUMNS} FROM events {query}", values)
        return (Entry.of(Row.checked(row)) for row in rows)

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


def _row(id_: int, numbering: Numbering, event: LabelEvent, ts_sync: bool) -> Row:
    numbered = numbering.number(event, ts_sync=ts_sync)
    body = encode(event_payload(numbered)).decode()
    place = (id_, numbered.epoch, numbered.seq, event.watch, None)
    return Row(*place, body, boot_id(), event.handed_ns, event.ts, 0)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
