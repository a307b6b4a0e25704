"""The loop's part of collecting: sees which frames are to be kept, and copies them."""

from __future__ import annotations

from edgecls.collecting.collector import Collector
from edgecls.collecting.picture import taken_of
from edgecls.collecting.session import Pace
from edgecls.domain import Frame, Outcome, Verdict
from edgecls.pixels import View


class Taker:
    """Takes the pictures of one watch, in the frame loop."""

    inside = "the taking of a picture"

    def __init__(self, watch: str, view: View, collector: Collector, *, ambiguous: bool) -> None:
        """Those that are asked for; with `ambiguous`, also of frames that are judged so."""
        self._watch, self._view, self._collector = watch, view, collector
        self._ambiguous = ambiguous
        self._pace = Pace(collector.pause_s(watch))

    def look(self, frame: Frame, outcome: Outcome) -> None:
        """Copy what is to be kept, if anything is."""
        session = self._collector.due(self._watch, frame.moment.decision_s)
        if session is not None or self._wants(frame, outcome):
            self._collector.take(self._watch, taken_of(frame, self._view), session)

    def _wants(self, frame: Frame, outcome: Outcome) -> bool:
        judged = outcome.classification
        if not self._ambiguous or judged is None or judged.verdict is not Verdict.AMBIGUOUS:
            return False
        self._pace.pause_s = self._collector.pause_s(self._watch)
        return self._pace.due(frame.moment.decision_s)
