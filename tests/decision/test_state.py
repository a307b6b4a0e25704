from __future__ import annotations

import math

import pytest

from edgecls.decision.state import Clock, Held, Window, reached
from edgecls.errors import ConfigError


def test_the_clock_begins_at_the_first_frame_and_never_goes_back() -> None:
    clock = Clock()
    seen = []
    for decision_s in (1e6, 1e6 + 1, 1e6 + 0.5, 1e6 + 2.5, 0.0, 0.5):
        clock.tick(decision_s)
        seen.append(clock.now_s)
    assert seen == [0.0, 1.0, 1.0, 3.0, 3.0, 3.5]


def test_all_verdicts_count_in_the_window_and_only_the_newest_can_be_confirmed() -> None:
    window = Window("3 of 5")
    verdicts = [1, 1, None, None, 1, None, 1, 1]
    assert [window.confirmed(v) for v in verdicts] == [None] * 4 + [1, None, None, 1]


def test_more_agreeing_frames_than_frames_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[watches.porch.decision\] confirm"):
        Window("6 of 5", "[watches.porch.decision] ")


def test_a_score_that_is_not_finite_neither_supports_nor_replaces_the_last_one() -> None:
    held = Held("dog", "dog", 1, 1, 0.0, 0.0, 0.0, 0.75, 0.75, published=True)
    for score in (math.nan, math.inf, -math.inf):
        held.see(score, 0.3, 1.0)
        assert (held.supported, held.supported_s, held.score) == (False, 0.0, 0.75)


def test_a_time_is_reached_whatever_binary_fractions_make_of_it() -> None:
    assert 4.1 - 1.1 < 3
    assert reached(4.1 - 1.1, 3)
    assert not reached(2.99, 3)
