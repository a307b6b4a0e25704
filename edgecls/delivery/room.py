"""Room in a full outbox: what goes, and the gap that it leaves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from edgecls.delivery.payloads import encode, gap_payload

_CHUNK = 50  # acknowledged events that are forgotten at a time where megabytes are the bound


class Room:
    """Makes room among the events, inside a transaction."""

    def __init__(self, db: sqlite3.Connection, count: int, pending: int) -> None:
        self._db = db
        self.count, self.pending, self.lost = count, pending, 0

    def make(self, max_events: int, max_pages: int, under_way: Collection[int]) -> None:
        """Forget and lose until the bounds are kept, or nothing is left that could go."""
        while self.count > max_events or self._pages() > max_pages:
            excess = max(self.count - max_events, 0) or _CHUNK
            if self.count > self.pending:
                self._forget(min(excess, self.count - self.pending))
            elif not self._lose_oldest(under_way):
                return

    def _pages(self) -> int:
        in_all, free = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count")
        )
        return int(in_all) - int(free)

    def _forget(self, events: int) -> None:
        self._db.execute(
            "DELETE FROM events WHERE id IN"
            " (SELECT id FROM events WHERE acked = 1 ORDER BY id LIMIT ?)",
            (events,),
        )
        self.count -= events

    def _lose_oldest(self, under_way: Collection[int]) -> bool:
        """The oldest event gives place to a gap, which takes in an earlier gap of its watch."""
        held = f"acked = 0 AND id NOT IN ({','.join('?' * len(under_way))})"
        lost = self._db.execute(
            f"SELECT id, epoch, seq, watch, body FROM events WHERE {held}"
            " AND from_seq IS NULL ORDER BY id LIMIT 1",
            (*under_way,),
        ).fetchone()
        if lost is None:
            return False
        id_, epoch, seq, watch, body = lost
        earlier = self._db.execute(
            f"SELECT id, from_seq FROM events WHERE {held} AND id < ?"
            " AND from_seq IS NOT NULL AND watch = ? AND epoch = ?",
            (*under_way, id_, watch, epoch),
        ).fetchone()
        from_seq = seq
        if earlier is not None:
            from_seq = earlier[1]
            self._db.execute("DELETE FROM events WHERE id = ?", (earlier[0],))
            self.count -= 1
            self.pending -= 1
        gap = encode(gap_payload(from_seq, json.loads(body))).decode()
        self._db.execute(
            "UPDATE events SET from_seq = ?, body = ? WHERE id = ?", (from_seq, gap, id_)
        )
        self.lost += 1
        return True
