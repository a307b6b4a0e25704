"""What was committed, read from the database itself, and what became of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.torture.publisher import LIVES
from tests.torture.tap import Copy

Key = tuple[str, int]  # epoch, seq
DIFFERS = ("age_s", "attempt")  # between copies of one event


@dataclass(frozen=True)
class Snapshot:
    """A database as a kill has left it."""

    events: dict[Key, dict[str, Any]]  # in the order in which they are to be sent
    kept: dict[str, dict[str, Any]]  # per watch


def snapshot(database: Path) -> Snapshot:
    """Read a copy: whoever opens the original recovers what its owner should have to recover."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "copy.sqlite")
        for part in ("", "-wal"):
            original = database.with_name(database.name + part)
            if original.exists():
                shutil.copy(original, copied.with_name(copied.name + part))
        with closing(sqlite3.connect(copied)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchall():
                return Snapshot({}, {})  # killed before it had begun
            rows = db.execute("SELECT epoch, seq, body FROM events ORDER BY id").fetchall()
            notes = db.execute("SELECT name, value FROM notes WHERE kind = 'kept'").fetchall()
    events = {(epoch, seq): json.loads(body) for epoch, seq, body in rows}
    assert len(events) == len(rows), "a number was given twice"
    return Snapshot(events, {name: json.loads(value)["kept"] for name, value in notes})


def committed(database: Path) -> int:
    """How many events its owner has committed so far, who is at work just now."""
    try:
        return len(snapshot(database).events) if database.exists() else 0
    except sqlite3.DatabaseError:
        return 0  # a copy of what was being written


@dataclass
class Ledger:
    """Everything that was committed so far; each snapshot must tell the same story, and go on."""

    events: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def note(self, found: Snapshot) -> None:
        """Take in the next snapshot. Asserts what a commit promises."""
        known = list(self.events.items())
        assert list(found.events.items())[: len(known)] == known, "a committed event has changed"
        seqs = [seq for _, seq in found.events]
        assert seqs == list(range(1, len(seqs) + 1)), "a number is missing"
        assert len({epoch for epoch, _ in found.events}) <= 1, "another epoch has begun"
        self.events = found.events
        self._assert_committed_together(found.kept)

    def assert_no_holes(self) -> None:
        """What each life of a publisher committed is what it handed over, up to a point."""
        expected: dict[int, int] = {}
        for event in self.events.values():
            life, number = divmod(int(event["media_s"]), LIVES)
            assert number == expected.get(life, 0), "a later one is committed, and this is not"
            expected[life] = number + 1

    def _assert_committed_together(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """The state of each watch is that of its newest event."""
        newest = {event["watch"]: event for event in self.events.values()}
        for watch, event in newest.items():
            label = event["label"] if event["phase"] == "start" else None
            assert kept[watch]["state"]["label"] == label, f"{kept[watch]} is not of {event}"


@dataclass(frozen=True)
class Findings:
    """What a consumer makes of the copies that the broker has taken."""

    lost: list[Key]  # or come out of order
    seen_twice: int
    copies: int  # on the wire
    again: int  # of them, more than the first copy of an event


def shown(copies: Iterable[Copy]) -> list[Copy]:
    """What is left for a consumer that shows only what is newer than the last it has shown."""
    last: dict[str, int] = {}
    left = []
    for copy in copies:
        epoch, seq = copy.key
        if seq > last.get(epoch, 0):
            last[epoch] = seq
            left.append(copy)
    return left


def compare(ledger: Ledger, copies: Sequence[Copy]) -> Findings:
    """Copies against commits. Asserts that no copy tells another story than what is committed."""
    for copy in copies:
        body = {key: value for key, value in copy.payload.items() if key not in DIFFERS}
        assert body == ledger.events.get(copy.key), f"sent, but never committed so: {copy}"
        assert 0 <= copy.payload["age_s"] < 600, copy
    visible = shown(copy for copy in copies if copy.taken)
    seen = {copy.key for copy in visible}
    return Findings(
        lost=[key for key in ledger.events if key not in seen],
        seen_twice=len(visible) - len({_happening(copy) for copy in visible}),
        copies=len(copies),
        again=len(copies) - len({copy.key for copy in copies}),
    )


def _happening(copy: Copy) -> tuple[object, ...]:
    """What an event tells of, whatever its number."""
    return tuple(copy.payload.get(key) for key in ("watch", "phase", "label", "ts", "media_s"))
