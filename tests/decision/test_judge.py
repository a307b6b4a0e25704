from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.decision.judge import Judge
from edgecls.domain import Reason, Verdict
from edgecls.errors import ConfigError, ModelError, UsageError
from tests.decision.scenes import LABELS, scores, settings


def reason(judge: Judge, **by_label: float) -> Reason | None:
    return judge.judge(scores(**by_label)).reason


def test_a_clear_best_is_accepted() -> None:
    result = Judge(LABELS, settings()).judge(scores(dog=0.8, cat=0.1), preprocess_ms=0.5)
    assert (result.verdict, result.reason, result.preprocess_ms) == (Verdict.ACCEPTED, None, 0.5)
    assert (result.top[0].label, result.top[0].index) == ("dog", 1)
    assert result.top[0].score == pytest.approx(0.8)
    assert type(result.top[0].score) is float


def test_three_close_scores_are_ambiguous() -> None:
    result = Judge(LABELS, settings()).judge(scores(dog=0.31, cat=0.35, bird=0.34))
    assert (result.verdict, result.reason) == (Verdict.AMBIGUOUS, Reason.LOW_SCORE)
    lax = Judge(LABELS, settings(min_score=0.3))
    assert reason(lax, dog=0.31, cat=0.35, bird=0.34) is Reason.LOW_MARGIN


def test_each_reason_comes_before_the_next() -> None:
    judge = Judge(LABELS, settings(labels=["dog"]))
    assert reason(judge, background=math.nan, cat=0.9) is Reason.INVALID
    assert reason(judge, background=0.3, cat=0.29) is Reason.NOTHING
    assert reason(judge, cat=0.3, dog=0.29) is Reason.NOT_WATCHED
    assert reason(judge, dog=0.5, cat=0.49) is Reason.LOW_SCORE
    assert reason(judge, dog=0.7, cat=0.65) is Reason.LOW_MARGIN
    assert reason(judge, dog=0.7, cat=0.3) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("label", LABELS)
def test_a_score_that_is_not_finite_spoils_the_frame_and_reaches_nobody(
    bad: float, label: str
) -> None:
    for watch in (settings(), settings(groups={"pet": ["dog", "cat"]})):
        result = Judge(LABELS, watch).judge(scores(**{"dog": 0.9, "bird": math.inf, label: bad}))
        assert (result.verdict, result.reason, result.top) == (
            Verdict.REJECTED,
            Reason.INVALID,
            (),
        )


def test_scores_are_compared_unrounded() -> None:
    just_below = float(np.nextafter(np.float32(0.6), np.float32(0)))
    judge = Judge(LABELS, settings(min_margin=0))
    assert reason(judge, dog=just_below) is Reason.LOW_SCORE
    assert reason(judge, dog=float(np.float32(0.6))) is None
    exact = Judge(LABELS, settings(min_score=0.5, min_margin=0.25))
    assert reason(exact, dog=0.5, cat=0.25) is None
    assert reason(exact, dog=0.5, cat=0.25 + 1e-6) is Reason.LOW_MARGIN


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    tied = scores(background=0.1, dog=0.2, cat=0.5, bird=0.2)
    top = Judge(LABELS, settings()).judge(tied, 4).top
    assert [category.index for category in top] == [2, 1, 3, 0]


def test_a_group_stands_where_its_lowest_class_stands() -> None:
    judge = Judge(LABELS, settings(groups={"zoo": ["bird"], "pet": ["dog"]}))
    assert [c.label for c in judge.judge(scores(cat=0.25, dog=0.25, bird=0.25), 3).top] == [
        "pet",
        "cat",
        "zoo",
    ]


@pytest.mark.parametrize("top", [1, 2, 5, 20, 1001, 5000])
def test_the_top_is_the_beginning_of_the_sorted_scores(top: int) -> None:
    steps = np.random.default_rng(3).integers(0, 30, 1001)
    values = (steps / 256).astype(np.float32)
    judge = Judge([f"c{i}" for i in range(1001)], settings())
    found = [category.index for category in judge.judge(values, top).top]
    assert found == sorted(range(1001), key=lambda i: (-values[i], i))[:top]


def test_how_much_is_shown_does_not_change_the_verdict() -> None:
    judge = Judge(LABELS, settings(min_score=0.3))
    close = scores(dog=0.5, cat=0.45)
    assert {judge.judge(close, top).reason for top in (1, 2, 5, 50)} == {Reason.LOW_MARGIN}


def test_no_top_at_all_is_a_wrong_call_and_does_not_mean_all() -> None:
    with pytest.raises(UsageError):
        Judge(LABELS, settings()).judge(scores(dog=0.9), 0)


def test_of_two_classes_the_margin_lies_between_them() -> None:
    judge = Judge(("non_person", "person"), settings(min_score=0.5, min_margin=0.25))
    assert judge.judge(np.array([0.375, 0.625], np.float32)).reason is None
    assert judge.judge(np.array([0.4, 0.6], np.float32)).reason is Reason.LOW_MARGIN


def test_a_category_without_a_second_is_compared_with_zero() -> None:
    judge = Judge(("a", "b"), settings(groups={"all": ["#0-1"]}, min_score=0, min_margin=0.5))
    assert judge.judge(np.array([0.25, 0.25], np.float32)).reason is None
    assert judge.judge(np.array([0.25, 0.125], np.float32)).reason is Reason.LOW_MARGIN


def test_groups_are_summed_before_anything_is_judged() -> None:
    grouped = Judge(LABELS, settings(groups={"pet": ["dog", "cat"]}))
    assert reason(Judge(LABELS, settings()), dog=0.45, cat=0.4) is Reason.LOW_SCORE
    assert reason(grouped, dog=0.45, cat=0.4) is None


def test_single_labels_may_have_their_own_least_score() -> None:
    judge = Judge(LABELS, settings(min_score_by_label={"dog": 0.9, "#2": 0.3}))
    assert reason(judge, dog=0.8) is Reason.LOW_SCORE
    assert reason(judge, cat=0.4) is None
    assert reason(judge, bird=0.5) is Reason.LOW_SCORE


def test_labels_name_groups_and_classes_in_their_order() -> None:
    judge = Judge(LABELS, settings(["bird", "pet", "#3"], {"pet": ["dog", "cat"]}))
    assert [(n.label, n.slug, n.index) for n in judge.watched] == [
        ("bird", "bird", 3),
        ("pet", "pet", None),
    ]
    assert Judge(LABELS, settings()).watched == ()


def test_a_label_of_two_classes_watches_both() -> None:
    judge = Judge(("crane", "dog", "crane"), settings(["crane"]))
    assert [n.slug for n in judge.watched] == ["crane_0", "crane_2"]
    for index in (0, 2):
        assert judge.judge(np.eye(3, dtype=np.float32)[index]).reason is None
    assert judge.judge(np.eye(3, dtype=np.float32)[1]).reason is Reason.NOT_WATCHED


def test_a_pattern_in_labels_leaves_out_what_means_nothing() -> None:
    judge = Judge(LABELS, settings(["*d*"]))
    assert [name.label for name in judge.watched] == ["dog", "bird"]


@pytest.mark.parametrize(
    ("labels", "by_label", "message"),
    [
        (["dgo"], {}, r'\[watches.porch\] labels: "dgo" is no group .* did you mean "dog"'),
        ([], {}, r"\[watches.porch\] labels: must name at least one label"),
        (["background"], {}, "means that nothing is there"),
        (["none"], {}, "means that nothing is there"),
        (
            None,
            {"brid": 0.5},
            r'\[watches.porch.decision\] min_score_by_label: "brid" .* did you mean "bird"',
        ),
        (None, {"dog": 0.5, "#1": 0.6}, '"dog" and "#1" both mean "dog"'),
    ],
)
def test_labels_that_cannot_be_watched_are_refused(
    labels: list[str] | None, by_label: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Judge(LABELS, settings(labels, min_score_by_label=by_label), place="watches.porch")


def test_scores_of_another_model_are_refused() -> None:
    with pytest.raises(ModelError, match="3 scores, but 4 labels"):
        Judge(LABELS, settings()).judge(np.zeros(3, np.float32))


def test_imagenet_dogs_as_one_group(data: Path) -> None:
    labels = (data / "labels" / "imagenet_labels.txt").read_text().splitlines()
    judge = Judge(labels, settings(["dog", "cat"], {"dog": ["#152-269"], "cat": ["#282-286"]}))
    frame = np.zeros(1001, np.float32)
    frame[152:172] = 0.04
    result = judge.judge(frame)
    assert (result.top[0].label, result.top[0].index, result.reason) == ("dog", None, None)
    assert result.top[0].score == pytest.approx(0.8)
    assert len(judge.names) == 1001 - 118 - 5 + 2


_any_score = st.floats(width=32) | st.floats(0, 1, width=32)


@given(
    st.lists(_any_score, min_size=4, max_size=4),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([None, ("dog",), ("cat", "bird")]),
)
def test_what_is_accepted_has_kept_every_rule(
    frame: list[float], min_score: float, min_margin: float, labels: tuple[str, ...] | None
) -> None:
    watch = settings(labels, min_score=min_score, min_margin=min_margin)
    result = Judge(LABELS, watch).judge(np.array(frame, np.float32))
    assert all(math.isfinite(category.score) for category in result.top)
    assert (result.reason is Reason.INVALID) == (not all(map(math.isfinite, frame)))
    if result.reason is None:
        best, second = result.top[:2]
        assert best.label != "background"
        assert labels is None or best.label in labels
        assert best.score >= min_score
        assert best.score - second.score >= min_margin
