"""What was found of the watches: noted for the next process, and shown once that is on disk."""

from __future__ import annotations

from collections.abc import Mapping

from edgecls.delivery import kept
from edgecls.delivery.clock import clock_is_synchronised
from edgecls.delivery.outbox import Outbox
from edgecls.delivery.retained import Retained
from edgecls.domain import Outcome


class States:
    """Owned by the delivery thread."""

    def __init__(self, outbox: Outbox, retained: Retained) -> None:
        self._outbox, self._retained = outbox, retained
        self._taken: dict[str, Outcome] = {}  # the last one of each watch
        self._fresh: list[Outcome] = []  # taken, not shown yet

    def take(self, outcome: Outcome) -> None:
        """One whose state has changed, or that has events."""
        for event in outcome.events:
            self._outbox.add(event)
        self._note(outcome)
        self._taken[outcome.watch] = outcome
        self._fresh.append(outcome)

    def show(self) -> None:
        """Those that were taken: to be called when they are committed."""
        for outcome in self._fresh:
            self._retained.show(outcome)
        self._fresh.clear()

    def note_newest(self, newest: Mapping[str, Outcome]) -> None:
        """How long states have lasted is lost with the process otherwise.

        Not of a state that has changed since: its event is under way to us.
        """
        for watch, taken in self._taken.items():
            now, then = newest[watch].state, taken.state
            if now.label is not None and (now.label, now.since) == (then.label, then.since):
                self._note(newest[watch])

    def _note(self, outcome: Outcome) -> None:
        note = kept.written(outcome, clock_known=clock_is_synchronised())
        self._outbox.note(kept.KEPT, outcome.watch, note)
