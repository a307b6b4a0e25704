"""What a state survives: a restart, and another configuration."""

from __future__ import annotations

import dataclasses
import json

import pytest

from edgecls.decision.decider import Decider
from edgecls.domain import EndReason, Kept, State
from edgecls.errors import ConfigError
from edgecls.settings import WatchSettings
from tests.decision.scenes import decider, events, moment, play, see, settings, story

DOG = {"dog": 0.9}
CAT = {"cat": 0.9}
EMPTY = {"background": 0.95}


def restarted(before: Decider, watch: WatchSettings | None = None) -> Decider:
    """Another process that knows what the first one kept, by way of a file."""
    stored = json.loads(json.dumps(dataclasses.asdict(before.kept)))
    starts = tuple((str(label), index, ago_s) for label, index, ago_s in stored.pop("starts"))
    after = decider(watch)
    after.restore(Kept(state=State(**stored.pop("state")), starts=starts, **stored))
    return after


def test_after_a_restart_the_same_label_is_no_event_and_keeps_its_since() -> None:
    before = decider()
    play(before, [DOG] * 10)
    after = restarted(before)
    assert after.state == before.state
    outcomes = play(after, [DOG] * 50, from_s=3)
    assert story(outcomes) == []
    assert not any(outcome.changed for outcome in outcomes)
    assert outcomes[-1].state.since == 1000.2


def test_after_a_restart_the_support_clock_starts_at_the_first_frame() -> None:
    before = decider()
    play(before, [DOG] * 10 + [EMPTY] * 25)
    outcomes = play(restarted(before), [EMPTY] * 40, from_s=500)
    assert story(outcomes) == ["end dog at 503.0: no_support"]


def test_durations_and_the_greatest_score_go_on_over_a_restart() -> None:
    before = decider()
    play(before, [{"dog": 0.875}] * 13)
    (end,) = events(play(restarted(before), [EMPTY] * 40, from_s=500))
    assert end.duration_s == pytest.approx(1.0 + 3.0)
    assert end.max_score == 0.875


def test_hold_and_cooldown_go_on_over_a_restart() -> None:
    watch = settings(hold_s=2, cooldown_s=10)
    before = decider(watch)
    play(before, [DOG] * 13)
    outcomes = play(restarted(before, watch), [CAT] * 20 + [DOG] * 25, from_s=50)
    # The state began 1 s before the restart: its hold ends 1 s after it.
    assert story(outcomes) == [
        "end dog at 51.0: replaced",
        "start cat at 51.0",
        "end cat at 53.0: replaced",
    ]
    assert outcomes[-1].state.label == "dog"
    assert sum(outcome.withheld for outcome in outcomes) == 1


def test_the_part_of_a_cooldown_before_a_restart_counts_after_it() -> None:
    watch = settings(cooldown_s=3, none_after_s=0)
    before = decider(watch)
    play(before, [DOG] * 3 + [EMPTY] * 20)  # two seconds since the start
    outcomes = play(restarted(before, watch), [EMPTY] * 9 + [DOG] * 3, from_s=50)
    assert story(outcomes) == ["start dog at 51.1"]


def test_a_withheld_state_stays_withheld_over_a_restart() -> None:
    watch = settings(cooldown_s=60)
    before = decider(watch)
    play(before, ([DOG] * 5 + [EMPTY] * 35) + [DOG] * 5)
    outcomes = play(restarted(before, watch), [EMPTY] * 40, from_s=50)
    assert story(outcomes) == []
    assert sum(outcome.withheld for outcome in outcomes) == 1


def test_frames_from_before_a_restart_confirm_nothing_after_it() -> None:
    before = decider()
    play(before, [DOG, DOG])
    assert story(play(restarted(before), [DOG, DOG, DOG])) == ["start dog at 0.2"]


def test_only_starts_within_their_cooldown_are_kept() -> None:
    watch = decider(cooldown_s=2)
    play(watch, [DOG] * 5 + [CAT] * 20)
    assert [start[0] for start in watch.kept.starts] == ["cat"]


def test_another_model_ends_the_kept_state_by_its_own_reason() -> None:
    before = decider()
    play(before, [DOG] * 3)
    after = restarted(before)
    assert before.kept.model == "toy"
    (end,) = after.gone(EndReason.MODEL_CHANGED, moment(9)).events
    assert (end.label, end.reason, end.score) == (
        "dog",
        EndReason.MODEL_CHANGED,
        before.state.score,
    )


def test_another_decision_clears_its_window_and_keeps_the_state() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 8 + [CAT] * 2)
    watch.reconfigure(settings(min_score=0.8))
    outcomes += play(watch, [CAT] * 4, from_s=1)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 1.2: replaced", "start cat at 1.2"]


def test_a_state_that_is_no_longer_watched_for_ends_without_support() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 10)
    watch.reconfigure(settings(labels=["cat"]))
    outcomes += play(watch, [DOG] * 50, from_s=1)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 3.9: no_support"]


def test_a_state_whose_class_went_into_a_group_gives_way_to_the_group() -> None:
    watch = decider()
    outcomes = play(watch, [DOG] * 5)
    watch.reconfigure(settings(groups={"pet": ["dog", "cat"]}))
    outcomes += play(watch, [DOG] * 5, from_s=1)
    assert story(outcomes) == ["start dog at 0.2", "end dog at 1.2: replaced", "start pet at 1.2"]


def test_a_bad_configuration_leaves_the_old_one_in_force() -> None:
    watch = decider(settings(labels=["dog"]))
    play(watch, [DOG] * 2)
    for bad in (settings(labels=["dgo"]), settings(leave_score=0.9), settings(confirm="9 of 5")):
        with pytest.raises(ConfigError):
            watch.reconfigure(bad)
    assert [name.label for name in watch.watched] == ["dog"]
    assert len(see(watch, 0.2, **DOG).events) == 1
