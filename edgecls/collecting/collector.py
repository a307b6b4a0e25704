"""Pictures that the daemon keeps: taken in the frame loop, written by a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgecls.collecting.album import Encode
from edgecls.collecting.labels import clash
from edgecls.collecting.picture import Taken
from edgecls.collecting.session import Session
from edgecls.collecting.stock import COUNT_S, Full, Stock

log = logging.getLogger(__name__)

_UNTAKEN = 4  # pictures that may wait for a disk which hangs, each of some MB
_PAUSE_S = 1.0  # between two ambiguous ones of a watch
_RENEWAL_PAUSE_S = 60.0  # once they take the place of others: so they span hours, and spare a card
_TELL_S = 60.0


@dataclass(frozen=True, slots=True)
class _Job:
    watch: str
    taken: Taken
    session: Session | None  # None: it is ambiguous
    last: bool


class Collector:
    """`run` is the body of the thread "collector". A disk that fails, is full or hangs costs the
    pictures, and nothing else."""

    def __init__(self, state_dir: Path, device: str, max_mb: int, jpeg: Encode) -> None:
        """At most `max_mb` megabytes are kept."""
        self._stock, self._max_bytes = Stock(state_dir, device, jpeg), max_mb * 1_000_000
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_UNTAKEN)
        self._sessions: dict[str, Session] = {}
        self._finished = threading.Event()
        self._full = self._failing = False
        self._renewing: dict[str, bool] = {}
        self._kept = self._alike = self._lost = self._bytes = 0
        self._told_s = -_TELL_S

    def ask(self, session: Session) -> str | None:
        """Have pictures taken from the next frame on; a sentence where that is not possible. For
        any thread."""
        under_way = self._sessions.get(session.watch)
        if under_way is not None:
            label, left, count = under_way.label, under_way.left, under_way.count
            return f"pictures of {label!r} are being taken: {left} of {count} are to come"
        if self._full:
            return (
                f"{self._bytes / 1e6:.0f} MB of pictures are kept, which is what max_mb in "
                "[collect] allows: take some away first"
            )
        others = sorted(self._stock.labels(session.watch))
        if why := next(filter(None, (clash((other, session.label)) for other in others)), None):
            return why
        self._sessions[session.watch] = session
        folder, pause_s = self.folder(session.watch, session.label), session.pace.pause_s
        log.info("watch %s: %d pictures, one every %g s, into %s",
                 session.watch, session.count, pause_s, folder)  # fmt: skip
        return None

    def end(self, watch: str) -> None:
        """Take no more of the pictures that were asked for. For any thread."""
        session = self._sessions.pop(watch, None)
        if session is not None:
            log.info("watch %s: no more pictures of %s: %d of %d were taken",
                     watch, session.label, session.taken, session.count)  # fmt: skip

    def folder(self, watch: str, label: str) -> Path:
        """Where the pictures of a label lie."""
        return self._stock.folder(watch, label)

    def reconfigure(self, max_mb: int) -> None:
        """Another bound from now on. What was asked for before ends. For any thread."""
        self._max_bytes = max_mb * 1_000_000
        self._full = False  # seen anew with the next picture
        for watch in list(self._sessions):
            self.end(watch)

    def figures(self) -> dict[str, int] | None:
        """For `stats`; None where there is nothing to tell."""
        told = {"kept": self._kept, "alike": self._alike, "lost": self._lost}
        return {**told, "bytes": self._bytes} if self._bytes or any(told.values()) else None

    def due(self, watch: str, now_s: float) -> Session | None:
        """What the frame of that decision time is to be kept for. For the thread of the loop."""
        session = self._sessions.get(watch)
        return session if session is not None and session.pace.due(now_s) else None

    def pause_s(self, watch: str) -> float:
        """At least so long between two ambiguous pictures."""
        return _RENEWAL_PAUSE_S if self._renewing.get(watch) else _PAUSE_S

    def take(self, watch: str, taken: Taken, session: Session | None) -> None:
        """Keep a picture, soon, unless those before it still wait: what was asked for is then taken
        later. For the thread of the loop."""
        if session is not None:
            session.taken += 1
        last = session is not None and session.left <= 0
        try:
            self._jobs.put_nowait(_Job(watch, taken, session, last))
        except queue.Full:
            if session is not None:
                session.taken -= 1
            self._lost += 1
            if time.monotonic() - self._told_s >= _TELL_S:
                self._told_s = time.monotonic()
                log.warning("pictures are lost: the disk does not take them as fast as they come")
        else:
            if last and self._sessions.get(watch) is session:
                del self._sessions[watch]

    def finish(self) -> None:
        """Have `run` write what waits, and return."""
        self._finished.set()
        with suppress(queue.Full):
            self._jobs.put_nowait(None)

    def run(self) -> None:
        """Until `finish`."""
        self._count()
        while not (self._finished.is_set() and self._jobs.empty()):
            try:
                job = self._jobs.get(timeout=COUNT_S)
            except queue.Empty:
                self._count()  # somebody may have taken pictures away, or there is another bound
            else:
                if job is not None:
                    self._keep(job)

    def _count(self) -> None:
        try:
            self._stock.count(self._max_bytes)
        except OSError as error:
            self._fail(error)
        self._look_at_stock(self._max_bytes)

    def _keep(self, job: _Job) -> None:
        session, bound = job.session, self._max_bytes
        label = None if session is None else session.label
        try:
            path = self._stock.keep(job.watch, label, job.taken(), bound)
        except Full as error:
            self._lose(session)
            self._fail(error)
            self._look_at_stock(bound)  # before anybody can ask again
            if session is not None and self._sessions.get(job.watch) is session:
                self.end(job.watch)
        except (OSError, ValueError, RuntimeError) as error:  # the last two are the codec's
            self._lose(session)
            self._fail(error)
        else:
            self._count_in(session, kept=path is not None)
        self._look_at_stock(bound)
        self._renewing[job.watch] = self._stock.renews(job.watch, bound)
        if session is not None and job.last:
            self._tell_done(session)

    def _tell_done(self, session: Session) -> None:
        lost = f", {session.lost} lost" if session.lost else ""
        log.info(
            "watch %s: %d pictures of %s taken: %d kept, %d were nearly the same as one before%s",
            session.watch, session.taken, session.label, session.kept, session.alike, lost,
        )  # fmt: skip

    def _lose(self, session: Session | None) -> None:
        self._lost += 1
        if session is not None:
            session.lost += 1

    def _look_at_stock(self, bound: int) -> None:
        """What other threads are told of it."""
        self._full, self._bytes = self._stock.is_full(bound), self._stock.bytes

    def _count_in(self, session: Session | None, *, kept: bool) -> None:
        if self._failing:
            log.info("pictures are kept again")
        self._failing = False
        self._kept += kept
        self._alike += not kept
        if session is not None:
            session.kept += kept
            session.alike += not kept

    def _fail(self, error: Exception) -> None:
        if not self._failing:
            log.warning("pictures are not kept: %s", error)
        self._failing = True
