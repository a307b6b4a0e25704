"""When a new model counts as worse than the one whose place it took."""

from __future__ import annotations

import math

import pytest

from edgecls.domain import NO_STATE, Category, Classification, Frame, Outcome, Prediction, Reason
from edgecls.errors import DelegateFault, ModelError
from edgecls.trial import LENGTH, UNKNOWN, Lenient, Share, Standing, is_worse
from tests.fakes import FlatImage

FRAME = Frame("porch", 0, FlatImage(), 0, 0, 0.0)
BEST = (Category(0, "dark", 0.9, "dark"),)


def outcome(reason: Reason | None) -> Outcome:
    return Outcome("porch", 0.0, NO_STATE, Classification(BEST, reason))


def seen(*reasons: Reason | None) -> Standing:
    standing = Standing()
    for reason in reasons:
        standing.look(FRAME, outcome(reason))
    return standing


@pytest.mark.parametrize(
    ("now", "before", "worse"),
    [
        ((300, 300), (1000, 0), True),
        ((300, 130), (1000, 100), True),  # 43 % after 10 %
        ((300, 105), (1000, 100), False),  # 35 % after 10 %: just the band
        ((300, 60), (1000, 100), False),
        ((300, 10), (1000, 500), False),  # better
        ((300, 300), (1000, 800), False),  # nothing is worse by more than there is
        ((29, 29), (1000, 0), False),  # too few
        ((30, 30), (1000, 0), True),
        ((40, 18), (100, 10), False),  # 45 % after 10 %, and perhaps by chance
        ((0, 0), (1000, 0), False),
    ],
)
def test_worse_is_beyond_the_band_and_beyond_chance(
    now: tuple[int, int], before: tuple[int, int], worse: bool
) -> None:
    assert is_worse(Share(*now), Share(*before), band=0.25) is worse


def test_a_band_of_one_takes_anything() -> None:
    assert not is_worse(Share(300, 300), Share(1000, 0), band=1)


def test_what_is_not_watched_for_does_not_count() -> None:
    standing = seen(None, Reason.NOTHING, Reason.NOT_WATCHED, Reason.LOW_MARGIN, Reason.LOW_SCORE)
    assert standing.share == Share(3, 2)
    assert standing.frames == 5


def test_scores_that_are_no_numbers_decide_nothing_and_prove_nothing() -> None:
    standing = seen(*[Reason.INVALID] * LENGTH)
    assert standing.share == Share(LENGTH, LENGTH)
    assert (standing.over, standing.frames) == (True, 0)


def test_the_share_is_of_the_last_thousand() -> None:
    standing = seen(*[Reason.LOW_SCORE] * 500, *[None] * 900)
    assert standing.share == Share(1000, 100)


def test_other_rules_leave_nothing_to_compare() -> None:
    standing = seen(*[None] * 200)
    assert standing.record == Share(200, 0)
    standing.judged_anew()
    assert standing.frames == 200
    assert seen().record is standing.record is None


def test_under_other_rules_a_trial_begins_anew() -> None:
    standing = Standing(Share(500, 400))
    for _ in range(LENGTH):
        standing.look(FRAME, outcome(Reason.LOW_SCORE))
    assert standing.over
    standing.judged_anew()
    assert (standing.over, standing.on_trial, standing.share) == (False, True, Share(0, 0))
    assert standing.baseline == UNKNOWN


def test_what_did_not_pass_is_on_trial_until_another_one_is_back() -> None:
    standing = Standing(Share(500, 0))
    standing.settled = True
    assert standing.on_trial
    standing.judged_anew()
    assert standing.baseline == UNKNOWN


def test_what_comes_back_is_compared_by_what_it_did_before() -> None:
    standing = Standing(earlier=Share(1000, 20))
    assert standing.record == Share(1000, 20)
    for _ in range(100):
        standing.look(FRAME, outcome(None))
    assert standing.record == Share(100, 0)


def test_nobody_looking_is_no_frame() -> None:
    standing = Standing()
    standing.look(FRAME, Outcome("porch", 0.0, NO_STATE, None))
    assert (standing.frames, standing.over) == (0, False)


class Failing:
    """An eye whose model fails when it runs."""

    def __init__(self, error: ModelError) -> None:
        self._error = error

    def predict(self, _: Frame) -> Prediction:
        raise self._error


def test_a_model_that_fails_on_trial_says_nothing_until_another_one_is_back() -> None:
    standing = Standing(may_give_way=True)
    said = Lenient(Failing(ModelError("it broke")), standing, 3).predict(FRAME)
    assert [math.isnan(score) for score in said.scores] == [True] * 3
    assert (standing.over, standing.failure) == (True, "it broke")


@pytest.mark.parametrize(
    ("error", "may_give_way"),
    [
        (ModelError("it broke"), False),  # there is no other one
        (DelegateFault("it hung"), True),  # starting again may help
    ],
)
def test_what_cannot_give_way_ends_the_process(error: ModelError, may_give_way: bool) -> None:
    standing = Standing(may_give_way=may_give_way)
    with pytest.raises(ModelError):
        Lenient(Failing(error), standing, 3).predict(FRAME)
    assert standing.failure is None
