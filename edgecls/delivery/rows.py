"""Rows of the database as they should be: SQLite keeps no checksums, and a card may have its own
ideas."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

from edgecls.delivery.clock import Stamp
from edgecls.delivery.payloads import Payload

COLUMNS = "id, epoch, seq, watch, from_seq, body, boot, handed_ns, ts, acked"
# What is needed of a payload; the rest is passed on.
_NEEDED = ("schema", "id", "epoch", "seq", "phase", "watch", "ts", "ts_sync")

T = TypeVar("T")


class Damaged(sqlite3.DatabaseError):
    """What SQLite did not notice."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class Row(NamedTuple):
    """An event or gap."""

    id: int
    epoch: str
    seq: int
    watch: str
    from_seq: int | None
    body: str
    boot: str
    handed_ns: int
    ts: float
    acked: int

    @classmethod
    def checked(cls, values: Any) -> Row:
        """A row as SQLite gives it. Raises Damaged where it is not as we wrote it."""
        row = cls(*values)
        numbers = (row.id, row.seq, row.handed_ns, row.acked, row.from_seq or 0)
        texts = (row.epoch, row.watch, row.body, row.boot)
        sound = (
            all(isinstance(number, int) for number in numbers)
            and all(isinstance(text, str) for text in texts)
            and isinstance(row.ts, float | int)
        )
        if not sound:
            raise Damaged(f"event {row.id!r} is not as it was written")
        row.payload()
        return row

    def payload(self) -> Payload:
        """Its body. Raises Damaged where that is none."""
        payload = parsed(self.body)
        if not isinstance(payload, dict) or any(key not in payload for key in _NEEDED):
            raise Damaged(f"event {self.id} is not as it was written")
        return payload

    def stamp(self, *, known: bool) -> Stamp:
        """When its frame was handed over; `known`: the wall clock was right."""
        return Stamp(self.boot, self.handed_ns, float(self.ts), known)


class Reading(Generic[T]):
    """What can be read of a query: up to where that fails, and then from the other end."""

    def __init__(self, db: sqlite3.Connection, query: str, parse: Callable[[Any], T]) -> None:
        """`query` ends in its order. What `parse` calls Damaged is left out."""
        self._db, self._query, self._parse = db, query, parse
        self.complete = True  # once it has been read

    def __iter__(self) -> Iterator[T]:
        for direction in ("ASC", "DESC"):
            try:
                for row in self._db.execute(f"{self._query} {direction}"):
                    with suppress(Damaged):
                        yield self._parse(row)
                        continue
                    self.complete = False
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                self.complete = False
                continue
            return


def parsed(text: Any) -> Any:
    """JSON. Raises Damaged where it is none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise Damaged(f"no JSON where some should be: {error}") from error
