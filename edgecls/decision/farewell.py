"""The last word on a state whose watch nobody has any more."""

from __future__ import annotations

from edgecls.domain import NO_STATE, EndReason, Kept, LabelEvent, Moment, Outcome, Phase


def farewell(watch: str, kept: Kept, reason: EndReason, moment: Moment, away_s: float) -> Outcome:
    """The end of a state that an earlier process left, of a watch that is not there any more."""
    state = kept.state
    events: tuple[LabelEvent, ...] = ()
    if state.label is not None and kept.published:
        end = LabelEvent(
            Phase.END,
            watch,
            kept.model,
            state.label,
            state.slug or "",
            state.score or 0.0,
            (),
            moment.ts,
            moment.handed_ns,
            moment.media_s,
            duration_s=kept.lasted_s + away_s,
            max_score=kept.max_score,
            reason=reason,
        )
        events = (end,)
    changed = state.label is not None
    return Outcome(watch, moment.ts, NO_STATE, None, changed, events, handed_ns=moment.handed_ns)
