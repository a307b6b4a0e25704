"""From predictions to states and label events. Time comes in with the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.decision.groups import CategoryName, CategoryScores
from edgecls.decision.judge import Judge, Positions, table
from edgecls.decision.state import Clock, Held, Window, reached
from edgecls.decision.witness import Witness
from edgecls.domain import (
    NO_STATE,
    Category,
    Classification,
    EndReason,
    Kept,
    LabelEvent,
    Moment,
    Outcome,
    Phase,
    Prediction,
    State,
)
from edgecls.errors import ConfigError
from edgecls.settings import DecisionSettings, WatchSettings


class Decider:
    """The decision of one watch: it has exactly one state, and only its two verbs change it."""

    def __init__(
        self,
        watch: str,
        model: str,
        labels: Sequence[str],
        settings: WatchSettings,
        *,
        sigmoid: bool = False,
        witness: Witness | None = None,
    ) -> None:
        """`labels` are those of the model. Raises ConfigError when the settings do not suit it."""
        self.watch, self.model = watch, model
        self._labels, self._sigmoid = tuple(labels), sigmoid
        self._clock = Clock()
        self._held: Held | None = None
        self._starts: dict[tuple[str, int | None], float] = {}  # when last published
        self._witness = witness
        self.reconfigure(settings)

    def reconfigure(self, settings: WatchSettings) -> None:
        """Judge by other settings from the next frame on; the state stays, the window is cleared.

        A state that is no longer watched for gets no more support. Raises ConfigError when the
        settings do not suit the model; then the old ones stay in force.
        """
        place = f"watches.{self.watch}"
        judge = Judge(self._labels, settings, sigmoid=self._sigmoid, place=place)
        here = table(place, "decision")
        leave_scores = _leave_scores(judge.min_scores, settings.decision, here)
        window = Window(settings.decision.confirm, here)
        self.judge, self._leave_scores, self._window = judge, leave_scores, window
        self._decision = settings.decision
        if self._held is not None:
            self._place(self._held)
        if self._witness is not None:
            self._witness.judged_by(settings, judge)

    @property
    def state(self) -> State:
        """The stable label after the newest frame."""
        return NO_STATE if self._held is None else self._held.state

    def shown(self, moment: Moment) -> Outcome:
        """What there is to be told of the state at present, though no frame was seen."""
        return Outcome(
            self.watch, moment.ts, self.state, None, changed=True, events=(),
            handed_ns=moment.handed_ns, kept=self.kept,
        )  # fmt: skip

    @property
    def watched(self) -> tuple[CategoryName, ...]:
        """What `labels` names, in its order; empty when it is not set."""
        return self.judge.watched

    def update(self, prediction: Prediction, moment: Moment) -> Outcome:
        """Take in the newest frame."""
        judged = self.judge.examine(
            prediction.scores,
            preprocess_ms=prediction.preprocess_ms,
            inference_ms=prediction.inference_ms,
        )
        outcome = self.follow(judged.accepted, judged.scores.item, judged.classification, moment)
        if self._witness is not None:
            self._witness.saw(judged, moment, outcome)
        return outcome

    def follow(
        self,
        accepted: int | None,
        score_of: Callable[[int], float],
        classification: Classification,
        moment: Moment,
    ) -> Outcome:
        """Take in a frame that was judged: what it `accepted`, and the score of any category."""
        self._clock.tick(moment.decision_s)
        confirmed = self._window.confirmed(accepted)
        if (held := self._held) is not None:
            if held.position is None:
                held.supported = False
            else:
                leave_score = self._leave_scores[held.position]
                held.see(score_of(held.position), leave_score, self._clock.now_s)
        return self._turn(self._end_reason(confirmed), confirmed, classification, moment)

    def unmoved(
        self, accepted: Positions, scores_of: Callable[[int], CategoryScores]
    ) -> NDArray[np.bool_]:
        """Which of the frames to come leave the state as it is, however many of them come in a row:
        nothing is accepted but the state itself, and it has support. Shape (frames,)."""
        if (held := self._held) is None:
            return np.less(accepted, 0)
        if held.position is None:
            return np.zeros(len(accepted), np.bool_)
        supported = scores_of(held.position) >= self._leave_scores[held.position]
        unmoved: NDArray[np.bool_] = supported & ((accepted < 0) | (accepted == held.position))
        return unmoved

    def forget(self) -> None:
        """The verdicts so far confirm nothing any more; the state stays."""
        self._window.clear()

    @property
    def memory(self) -> int:
        """How many frames back the decision looks, beyond its state."""
        return self._window.size

    def gone(self, reason: EndReason, moment: Moment) -> Outcome:
        """Nobody looks any more: the state ends, whatever it has lasted."""
        self._clock.tick(moment.decision_s)
        self._window.clear()
        outcome = self._turn(reason if self._held is not None else None, None, None, moment)
        if self._witness is not None:
            self._witness.lost_sight(reason, moment, outcome)
        return outcome

    @property
    def kept(self) -> Kept:
        """What must survive a restart."""
        now_s, cooldown_s = self._clock.now_s, self._decision.cooldown_s
        starts = tuple(
            (label, index, now_s - start_s)
            for (label, index), start_s in self._starts.items()
            if not reached(now_s - start_s, cooldown_s)
        )
        if (held := self._held) is None:
            return Kept(self.model, starts=starts)
        lasted_s = now_s - held.began_s
        return Kept(self.model, held.state, lasted_s, held.max_score, held.published, starts)

    def restore(self, kept: Kept, away_s: float = 0.0) -> None:
        """Go on with the state of an earlier process; its support clock starts at the next frame.

        `away_s` is the decision time that has passed since.

        A state that is not watched for any more gets no support. Whoever knows that the model is
        another one (`kept.model`) says so by `gone`.
        """
        self._clock = Clock()
        now_s, state = self._clock.now_s, kept.state
        self._window.clear()
        self._starts = {
            (label, index): now_s - ago_s - away_s for label, index, ago_s in kept.starts
        }
        self._held = None
        if state.label is not None:
            self._held = Held(
                state.label,
                state.slug or "",
                state.index,
                position=None,
                since=state.since or 0.0,
                began_s=now_s - kept.lasted_s - away_s,
                supported_s=now_s,
                score=state.score or 0.0,
                max_score=kept.max_score,
                published=kept.published,
            )
            self._place(self._held)
        if self._witness is not None:
            self._witness.resumed(kept, away_s)

    def _place(self, held: Held) -> None:
        """Find the state among the categories as they are now."""
        held.position = self.judge.position(held.label, held.index)
        if held.position is not None:
            held.slug = self.judge.names[held.position].slug

    def _end_reason(self, confirmed: int | None) -> EndReason | None:
        held, now_s = self._held, self._clock.now_s
        if held is None or not reached(now_s - held.began_s, self._decision.hold_s):
            return None
        if confirmed is not None and confirmed != held.position:
            return EndReason.REPLACED
        if held.supported or not reached(now_s - held.supported_s, self._decision.none_after_s):
            return None
        return EndReason.NO_SUPPORT

    def _turn(
        self,
        end_reason: EndReason | None,
        confirmed: int | None,
        classification: Classification | None,
        moment: Moment,
    ) -> Outcome:
        """End the state, begin the confirmed one, and tell both: the only place that does."""
        top = () if classification is None else classification.top
        told: list[LabelEvent | None] = []
        if end_reason is not None and self._held is not None:
            told.append(self._event(Phase.END, self._held, top, moment, end_reason))
            self._held = None
        if confirmed is not None and self._held is None:
            self._held = self._begun(confirmed, top, moment)
            told.append(self._event(Phase.START, self._held, top, moment))
        events = tuple(event for event in told if event is not None)
        return Outcome(
            self.watch,
            moment.ts,
            self.state,
            classification,
            changed=bool(told),
            events=events,
            withheld=len(told) - len(events),
            handed_ns=moment.handed_ns,
            kept=self.kept,
        )

    def _begun(self, position: int, top: tuple[Category, ...], moment: Moment) -> Held:
        name, now_s, score = self.judge.names[position], self._clock.now_s, top[0].score
        last_s = self._starts.get((name.label, name.index))
        published = last_s is None or reached(now_s - last_s, self._decision.cooldown_s)
        if published and self._decision.cooldown_s:
            self._starts[name.label, name.index] = now_s
        return Held(
            name.label,
            name.slug,
            name.index,
            position,
            since=moment.ts,
            began_s=now_s,
            supported_s=now_s,
            score=score,
            max_score=score,
            published=published,
        )

    def _event(
        self,
        phase: Phase,
        held: Held,
        top: tuple[Category, ...],
        moment: Moment,
        reason: EndReason | None = None,
    ) -> LabelEvent | None:
        """The event, or None where the start was withheld because of cooldown_s."""
        if not held.published:
            return None
        ended = reason is not None
        return LabelEvent(
            phase,
            self.watch,
            self.model,
            held.label,
            held.slug,
            held.score,
            top,
            moment.ts,
            moment.handed_ns,
            moment.media_s,
            duration_s=self._clock.now_s - held.began_s if ended else None,
            max_score=held.max_score if ended else None,
            reason=reason,
        )


def _leave_scores(
    min_scores: Sequence[float], settings: DecisionSettings, place: str
) -> tuple[float, ...]:
    """From where on each category has support: half of its least score, or as it was set, but never
    above the least score: what begins a state must also support it."""
    if settings.leave_score is None:
        return tuple(score / 2 for score in min_scores)
    if settings.leave_score > settings.least_score:
        raise ConfigError(
            f"{place}leave_score {settings.leave_score:g} must not be above "
            f"min_score {settings.least_score:g}"
        )
    return tuple(min(score, settings.leave_score) for score in min_scores)
