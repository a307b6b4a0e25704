"""What holds for every input."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecls.decision.decider import Decider
from edgecls.domain import EndReason, LabelEvent, Moment, Outcome, Phase, Prediction, Reason
from edgecls.settings import WatchSettings
from tests.decision.scenes import LABELS, settings


class Step(NamedTuple):
    """One thing that happens to a watch, so many seconds after the one before."""

    after_s: float
    scores: tuple[float, ...] | None  # None: nobody looks any more


_LEVELS = st.sampled_from([0.0, 0.1, 0.29, 0.31, 0.5, 0.59, 0.61, 0.7, 0.9])
_clean = st.tuples(*[_LEVELS] * len(LABELS))
_dirty = st.tuples(*[_LEVELS | st.sampled_from([math.nan, math.inf, -math.inf])] * len(LABELS))
# Mostly one clear label, or hardly any state would ever begin.
_clear = st.sampled_from([1, 1, 1, 2, 2, 0]).map(
    lambda i: tuple(0.9 if j == i else 0.05 for j in range(len(LABELS)))
)
_onward = st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0, 4.0])
_anywhen = _onward | st.sampled_from([-0.1, -1e4, 1e6])

_calm = st.lists(st.builds(Step, _onward, _clear | _clean), max_size=60)
_wild = st.lists(st.builds(Step, _anywhen, _clear | _dirty | st.none()), max_size=60)

_watches = st.builds(
    settings,
    labels=st.sampled_from([None, ("dog", "cat")]),
    groups=st.sampled_from([{}, {"pet": ("cat", "bird")}]),
    min_score=st.sampled_from([0.3, 0.6]),
    min_margin=st.sampled_from([0.0, 0.1]),
    confirm=st.sampled_from(["1 of 1", "2 of 3", "3 of 5"]),
    none_after_s=st.sampled_from([0.0, 0.5, 3.0]),
    hold_s=st.sampled_from([0.0, 1.0]),
    cooldown_s=st.sampled_from([0.0, 5.0]),
).filter(lambda watch: not (watch.labels and watch.groups))


def outcomes(watch: WatchSettings, steps: Sequence[Step]) -> list[Outcome]:
    decider = Decider("porch", "toy", LABELS, watch)
    at_s, seen = 0.0, []
    for step in steps:
        at_s += step.after_s
        moment = Moment(at_s, at_s, 0)
        if step.scores is None:
            seen.append(decider.gone(EndReason.CAMERA_STALLED, moment))
        else:
            prediction = Prediction(np.array(step.scores, np.float32), 0.0, 0.0)
            seen.append(decider.update(prediction, moment))
    return seen


@given(_watches, _wild)
def test_the_same_input_gives_the_same_outcomes(watch: WatchSettings, steps: list[Step]) -> None:
    assert outcomes(watch, steps) == outcomes(watch, steps)


@given(_watches, _wild)
def test_starts_and_ends_alternate_and_belong_together(
    watch: WatchSettings, steps: list[Step]
) -> None:
    begun: LabelEvent | None = None
    for outcome in outcomes(watch, steps):
        for event in outcome.events:
            if event.phase is Phase.START:
                assert begun is None
                assert event.score >= watch.decision.least_score
                begun = event
            else:
                assert begun is not None
                assert (event.label, event.slug) == (begun.label, begun.slug)
                assert event.duration_s is not None
                assert event.duration_s >= 0
                assert event.max_score is not None
                assert event.max_score >= max(begun.score, event.score)
                begun = None


@given(_watches, _wild)
def test_no_event_comes_without_a_change_and_no_change_without_an_event(
    watch: WatchSettings, steps: list[Step]
) -> None:
    before: str | None = None
    for outcome in outcomes(watch, steps):
        after = outcome.state.label
        told = len(outcome.events) + outcome.withheld
        assert outcome.changed == (before != after)
        assert told == (before is not None) + (after is not None) if outcome.changed else told == 0
        assert watch.decision.cooldown_s or not outcome.withheld
        before = after


@given(_watches, _wild)
def test_every_verdict_has_its_reason_and_nothing_shown_is_infinite(
    watch: WatchSettings, steps: list[Step]
) -> None:
    seen = outcomes(watch, steps)
    judged = [o.classification for o in seen if o.classification is not None]
    reasons = Counter(c.reason for c in judged)
    frames = [step.scores for step in steps if step.scores is not None]
    assert reasons.total() == len(frames)
    assert reasons[Reason.INVALID] == sum(not all(map(math.isfinite, f)) for f in frames)
    shown = [category.score for c in judged for category in c.top]
    shown += [o.state.score for o in seen if o.state.score is not None]
    shown += [event.score for o in seen for event in o.events]
    assert all(map(math.isfinite, shown))


def _told_by_the_contract(
    watch: WatchSettings, steps: Sequence[Step], seen: Sequence[Outcome]
) -> list[tuple[int, str | None]]:
    """The states after each frame, looked up in the whole history instead of step by step."""
    rules = watch.decision
    agree, size = map(int, rules.confirm.split(" of "))
    times = np.cumsum([step.after_s for step in steps])
    accepted: list[str | None] = []
    label, began, states = None, 0, []
    for i, outcome in enumerate(seen):
        assert outcome.classification is not None
        best = outcome.classification.top[0].label
        accepted.append(best if outcome.classification.reason is None else None)
        confirmed = accepted[-1] is not None and accepted[-size:].count(accepted[-1]) >= agree
        rival = accepted[-1] if confirmed and accepted[-1] != label else None
        if label is None:
            label, began = (rival, i) if rival else (None, i)
        elif times[i] - times[began] >= rules.hold_s - 1e-6:
            own = [_score_of(label, watch, steps[j]) for j in range(began, i + 1)]
            supported = began + max(j for j, s in enumerate(own) if s >= rules.least_score / 2)
            silent_s = times[i] - times[supported]
            if rival:
                label, began = rival, i
            elif supported < i and silent_s >= rules.none_after_s - 1e-6:
                label = None
        states.append((i, label))
    return states


def _score_of(label: str, watch: WatchSettings, step: Step) -> float:
    assert step.scores is not None
    members = watch.groups.get(label, (label,))
    return min(1.0, sum(float(np.float32(step.scores[LABELS.index(m)])) for m in members))


@given(_watches, _calm)
def test_states_begin_and_end_as_the_contract_says_and_in_no_other_way(
    watch: WatchSettings, steps: list[Step]
) -> None:
    seen = outcomes(watch, steps)
    expected = _told_by_the_contract(watch, steps, seen)
    assert [(i, outcome.state.label) for i, outcome in enumerate(seen)] == expected
