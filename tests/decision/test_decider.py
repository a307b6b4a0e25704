"""How states begin and end."""

from __future__ import annotations

import math

import pytest

from edgecls.domain import NO_STATE, EndReason, Phase, Reason, Verdict
from edgecls.errors import ConfigError
from tests.decision.scenes import decider, events, moment, play, see, settings, story

DOG = {"dog": 0.9, "cat": 0.05}
CAT = {"dog": 0.05, "cat": 0.9}
BOTH = {"dog": 0.45, "cat": 0.45}  # ambiguous, and support for both
EMPTY = {"background": 0.95}


def test_a_state_begins_with_the_third_of_five_frames() -> None:
    outcomes = play(decider(), [DOG, EMPTY, DOG, EMPTY, DOG, DOG])
    assert story(outcomes) == ["start dog at 0.4"]
    assert [outcome.changed for outcome in outcomes] == [False] * 4 + [True, False]


def test_verdicts_of_every_kind_take_a_place_among_the_last_five() -> None:
    unclear = [EMPTY, BOTH, {"dog": math.nan}]
    assert story(play(decider(), [DOG, DOG, *unclear, DOG, DOG])) == []


def test_a_frame_that_is_not_accepted_begins_nothing() -> None:
    window = decider(confirm="1 of 5")
    assert story(play(window, [BOTH, BOTH, BOTH])) == []


def test_a_start_tells_what_was_seen_and_when() -> None:
    (event,) = events(play(decider(), [DOG] * 3, from_s=7))
    assert (event.phase, event.watch, event.model) == (Phase.START, "porch", "toy")
    assert (event.label, event.slug) == ("dog", "dog")
    assert event.score == pytest.approx(0.9)
    assert [category.label for category in event.top] == ["dog", "cat", "background", "bird"]
    assert (event.ts, event.media_s, event.handed_ns) == (1007.2, 7.2, 7_200_000_000)
    assert (event.duration_s, event.max_score, event.reason) == (None, None, None)


def test_the_state_tells_its_own_score_of_the_newest_frame() -> None:
    watch = decider()
    play(watch, [DOG] * 3)
    outcome = see(watch, 0.3, dog=0.25, cat=0.5)
    assert (outcome.state.label, outcome.state.score) == ("dog", 0.25)
    assert (outcome.state.since, outcome.state.index) == (1000.2, 1)
    assert outcome.state == watch.state


def test_wobble_above_the_leave_score_keeps_the_state() -> None:
    watch = decider()
    assert story(play(watch, [DOG] * 3 + [BOTH] * 100)) == ["start dog at 0.2"]


def test_three_seconds_without_support_end_the_state() -> None:
    outcomes = play(decider(), [DOG] * 3 + [EMPTY] * 40)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 3.2: no_support"]
    end = events(outcomes)[1]
    assert end.duration_s == pytest.approx(3.0)
    assert end.score == 0.0
    assert end.max_score == pytest.approx(0.9)
    assert outcomes[-1].state == NO_STATE


def test_nothing_ends_a_state_early_because_nothing_was_confirmed() -> None:
    assert story(play(decider(), [DOG] * 3 + [EMPTY] * 29 + [DOG] * 5)) == ["start dog at 0.2"]


def test_one_supported_frame_starts_the_three_seconds_again() -> None:
    frames = [DOG] * 3 + [EMPTY] * 25 + [{"dog": 0.31}] + [EMPTY] * 40
    assert story(play(decider(), frames)) == ["start dog at 0.2", "end dog at 5.8: no_support"]


def test_support_is_the_states_own_score_and_not_that_of_the_best() -> None:
    unwatched = {"cat": 0.6, "dog": 0.35}
    watch = decider(settings(labels=["dog"]))
    assert story(play(watch, [DOG] * 3 + [unwatched] * 50)) == ["start dog at 0.2"]


def test_the_score_that_gives_support_is_half_of_the_labels_own_least_score() -> None:
    frames = [{"dog": 0.95}] * 3 + [{"dog": 0.4}] * 50
    assert len(story(play(decider(), frames))) == 1
    assert len(story(play(decider(min_score_by_label={"dog": 0.9}), frames))) == 2


def test_a_leave_score_above_the_least_score_is_refused_or_held_down() -> None:
    with pytest.raises(ConfigError, match=r"\[watches.porch.decision\] leave_score 0.7"):
        decider(leave_score=0.7)
    watch = decider(leave_score=0.6, min_score_by_label={"dog": 0.4})
    assert story(play(watch, [{"dog": 0.45}] * 50)) == ["start dog at 0.2"]


def test_a_confirmed_rival_replaces_a_state_that_still_has_support() -> None:
    watch = decider()
    shared = {"cat": 0.62, "dog": 0.35}
    outcomes = play(watch, [DOG] * 10 + [shared] * 5)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 1.2: replaced", "start cat at 1.2"]
    end, start = events(outcomes)[1:]
    assert end.ts == start.ts
    assert end.score == pytest.approx(0.35)
    assert end.max_score == pytest.approx(0.9)
    assert outcomes[12].changed
    assert outcomes[12].state.label == "cat"


def test_none_after_zero_ends_the_state_with_the_first_frame_without_support() -> None:
    watch = decider(none_after_s=0)
    assert story(play(watch, [DOG, DOG, DOG, BOTH, EMPTY])) == [
        "start dog at 0.2",
        "end dog at 0.4: no_support",
    ]


def test_hold_delays_a_rival_until_a_frame_confirms_it_afterwards() -> None:
    frames = [DOG] * 3 + [CAT] * 10 + [BOTH] * 10 + [CAT] * 10
    assert story(play(decider(hold_s=2), frames)) == [
        "start dog at 0.2",
        "end dog at 2.5: replaced",
        "start cat at 2.5",
    ]
    # At 2.2 two of the last five were CAT; the third one comes at 2.5.


def test_hold_delays_the_end_without_support() -> None:
    outcomes = play(decider(hold_s=5), [DOG] * 3 + [EMPTY] * 60)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 5.2: no_support"]


def test_a_frame_without_any_order_is_no_support_and_shows_no_nan() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 3 + [{"dog": math.nan}] * 40)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 3.2: no_support"]
    assert events(outcomes)[1].score == pytest.approx(0.9)
    assert outcomes[10].state.score == pytest.approx(0.9)
    assert outcomes[10].classification is not None
    assert outcomes[10].classification.reason is Reason.INVALID


def test_support_counts_whatever_the_verdict() -> None:
    broken_elsewhere = {"dog": 0.9, "bird": math.nan}
    assert story(play(decider(), [DOG] * 3 + [broken_elsewhere] * 50)) == ["start dog at 0.2"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_group_with_a_member_that_is_not_finite_has_no_score(bad: float) -> None:
    watch = decider(settings(groups={"pet": ["dog", "cat"]}))
    outcomes = play(watch, [DOG] * 3 + [{"dog": 0.9, "cat": bad}] * 40)
    assert story(outcomes) == ["start pet at 0.2", "end pet at 3.2: no_support"]
    assert outcomes[10].state.score == pytest.approx(0.95)


def test_every_frame_comes_with_its_classification() -> None:
    outcome = see(decider(), 0.0, dog=0.45, cat=0.4)
    assert outcome.classification is not None
    assert outcome.classification.verdict is Verdict.AMBIGUOUS
    assert outcome.classification.reason is Reason.LOW_SCORE
    assert (outcome.classification.preprocess_ms, outcome.classification.inference_ms) == (0.5, 6)
    assert (outcome.watch, outcome.ts, outcome.state) == ("porch", 1000.0, NO_STATE)


def test_inside_the_cooldown_the_state_changes_but_its_events_are_withheld() -> None:
    visit = [DOG] * 5 + [EMPTY] * 35  # 4 s; its state begins at 0.2 and ends at 3.4
    outcomes = play(decider(cooldown_s=9), visit * 4)
    assert story(outcomes) == [
        "start dog at 0.2",
        "end dog at 3.4: no_support",
        "start dog at 12.2",
        "end dog at 15.4: no_support",
    ]
    assert sum(outcome.withheld for outcome in outcomes) == 4
    assert sum(outcome.changed for outcome in outcomes) == 8


def test_the_cooldown_counts_from_the_last_published_start_of_the_same_label() -> None:
    frames = ([DOG] * 5 + [CAT] * 5) * 6  # a state every half second
    outcomes = play(decider(cooldown_s=1.5), frames)
    starts = [line for line in story(outcomes) if line.startswith("start")]
    assert starts == [
        "start dog at 0.2",
        "start cat at 0.7",
        "start dog at 2.2",
        "start cat at 2.7",
        "start dog at 4.2",
        "start cat at 4.7",
    ]


def test_a_replacement_withholds_each_event_by_its_own_label() -> None:
    outcomes = play(decider(cooldown_s=60), [DOG] * 5 + [CAT] * 5 + [DOG] * 5)
    assert story(outcomes) == [
        "start dog at 0.2",
        "end dog at 0.7: replaced",
        "start cat at 0.7",
        "end cat at 1.2: replaced",
    ]
    assert [o.withheld for o in outcomes if o.changed] == [0, 0, 1]


@pytest.mark.parametrize("reason", [EndReason.CAMERA_STALLED, EndReason.SOURCE_ENDED])
def test_a_state_ends_at_once_when_nobody_looks_any_more(reason: EndReason) -> None:
    watch = decider(hold_s=60)
    play(watch, [DOG] * 4)
    outcome = watch.gone(reason, moment(10.2))
    (end,) = outcome.events
    assert (end.phase, end.reason, end.top) == (Phase.END, reason, ())
    assert end.duration_s == pytest.approx(10.0)
    assert end.score == end.max_score == pytest.approx(0.9)
    assert (outcome.changed, outcome.classification, outcome.state) == (True, None, NO_STATE)


def test_nobody_looks_and_there_was_nothing() -> None:
    outcome = decider().gone(EndReason.DISABLED, moment(1))
    assert (outcome.changed, outcome.events, outcome.state) == (False, (), NO_STATE)


def test_frames_from_before_nobody_looked_confirm_nothing_afterwards() -> None:
    watch = decider()
    play(watch, [DOG, DOG])
    watch.gone(EndReason.CAMERA_STALLED, moment(10))
    assert story(play(watch, [DOG, DOG, DOG], from_s=20)) == ["start dog at 20.2"]


def test_time_that_jumps_back_makes_no_negative_durations() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 5, from_s=1000)
    outcomes += play(watch, [EMPTY] * 40, from_s=0)
    end = events(outcomes)[1]
    assert end.reason is EndReason.NO_SUPPORT
    assert end.duration_s == pytest.approx(0.2 + 3.0)


def test_a_jump_ahead_ends_nothing_that_is_still_there() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 3) + play(watch, [DOG] * 3, from_s=1e6)
    assert story(outcomes) == ["start dog at 0.2"]
    assert see(watch, 2e6).events[0].reason is EndReason.NO_SUPPORT


def test_wrong_settings_name_the_watch() -> None:
    with pytest.raises(ConfigError, match=r"\[watches.porch\] labels: "):
        decider(settings(labels=["dgo"]))
