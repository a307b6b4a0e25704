"""What is told of a fitted head, and whether it may be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgecls.evaluation.figures import Share
from edgecls.teaching.fit import fit
from edgecls.teaching.sample import Numbers, Picture, Sample
from edgecls.teaching.validation import Validation, calibration_error, validate
from tests.teaching.blobs import blobs, pictures, sample

LABELS = ("open", "closed", "none")


def validated(
    learned: Sample,
    labels: Sequence[str] = LABELS,
    occasions: Numbers | None = None,
    taken: Sequence[Picture] | None = None,
) -> Validation:
    kept = np.arange(learned.count) if occasions is None else occasions
    taken = pictures(learned) if taken is None else taken
    return validate(learned, fit(learned, kept), taken, labels[: max(learned.classes) + 1], kept)


def test_all_figures_are_of_the_same_held_out_pictures() -> None:
    found = validated(blobs([40, 30, 20], apart=3))
    confusion = np.array(found.confusion)
    assert found.judged == 90
    assert confusion.sum(axis=1).tolist() == [40, 30, 20]
    assert found.accuracy == Share(int(confusion.trace()), 90)
    assert found.figures.top1 == found.accuracy
    assert len(found.mistakes) == 90 - confusion.trace()
    recall = found.figures.per_label["open"].recall
    assert recall == Share(int(confusion[0, 0]), 40)
    assert found.interval == found.accuracy.interval


def test_a_mistake_names_the_picture_and_the_surest_comes_first() -> None:
    learned = blobs([25, 25])
    swapped = replace(learned, classes=np.array([1, *learned.classes[1:]]))
    found = validated(swapped)
    (mistake, *others) = found.mistakes
    assert (mistake.file, mistake.truth, mistake.said) == (Path("0.jpg"), "closed", "open")
    assert mistake.score > 0.8
    assert [m.score for m in others] == sorted((m.score for m in others), reverse=True)


def test_five_pictures_of_each_are_said_to_be_a_first_hint() -> None:
    found = validated(blobs([5, 5]))
    assert found.accuracy.part >= 9
    assert not found.suggestion.learned
    assert (found.suggestion.min_score, found.suggestion.min_margin) == (0.6, 0.1)
    told = " | ".join(found.sentences)
    assert "only 5 pictures, so this is a first hint" in told
    assert "too few to choose thresholds by" in told


def test_sixty_good_pictures_of_each_leave_the_usual_thresholds_and_no_doubt() -> None:
    found = validated(blobs([60, 60], apart=7))
    assert found.suggestion.learned
    assert found.suggestion.precision == 0.95
    assert (found.suggestion.min_score, found.suggestion.min_margin) == (0.6, 0.1)
    assert "hint" not in " ".join(found.sentences)


def test_where_classes_overlap_stricter_thresholds_are_suggested() -> None:
    found = validated(blobs([300, 300], apart=2))
    usual = next(at for at in found.figures.curve if (at.min_score, at.min_margin) == (0.6, 0.1))
    assert usual.right.value is not None
    assert usual.right.value < 0.94
    assert found.suggestion.min_score > 0.6 or found.suggestion.min_margin > 0.1
    assert found.suggestion.right.value is not None
    assert found.suggestion.right.value > usual.right.value


def test_nothing_is_never_covered_but_may_be_a_false_alarm() -> None:
    found = validated(blobs([40, 40, 40], apart=3))
    suggestion = found.suggestion
    assert suggestion.false_alarms is not None
    assert (suggestion.covered.whole, suggestion.false_alarms.whole) == (80, 40)
    assert suggestion.right.whole == suggestion.covered.part + suggestion.false_alarms.part
    assert any(sentence.startswith("of pictures of nothing") for sentence in found.sentences)


def test_without_nothing_there_are_no_false_alarms() -> None:
    assert validated(blobs([30, 30])).suggestion.false_alarms is None


def frames(occasion: Numbers) -> Sample:
    """Scenes that say nothing of their label, each seen again and again."""
    scenes = blobs([12, 12], apart=0)
    shaken = np.random.default_rng(1).normal(scale=0.01, size=(len(occasion), 40))
    embeddings = (scenes.embeddings[occasion] + shaken).astype(np.float32)
    return sample(embeddings, scenes.classes[occasion])


def test_neighbours_kept_together_tell_what_chance_hides() -> None:
    occasion = np.repeat(np.arange(24), 5)
    found = validated(frames(occasion), occasions=occasion)
    by_chance = found.accuracy_by_chance
    assert by_chance is not None
    assert by_chance.value is not None
    assert by_chance.value > 0.95
    assert found.accuracy.value is not None
    assert found.accuracy.value < 0.75
    assert any("only the second can be counted on" in sentence for sentence in found.sentences)


def test_many_pictures_of_few_occasions_are_not_sure() -> None:
    occasion = np.repeat(np.arange(24), 5)
    found = validated(frames(occasion), occasions=occasion)
    assert found.occasions == 24
    assert found.interval is not None
    assert found.accuracy.interval is not None
    low, high = found.accuracy.interval
    assert found.interval[1] - found.interval[0] > 1.5 * (high - low)


def test_thresholds_are_no_surer_than_the_occasions_that_they_were_tried_on() -> None:
    learned = blobs([30, 30])
    alone, together = validated(learned), validated(learned, occasions=np.arange(60) // 10)
    assert (alone.accuracy.value, together.accuracy.value) == (1, 1)
    low, _ = alone.counted(alone.suggestion.right).interval or (0, 0)
    lower, _ = together.counted(together.suggestion.right).interval or (0, 0)
    assert low > 0.9
    assert lower < 0.7
    assert "(100 %; 61 to 100) are right" in together.sentences[-1]


def test_labels_of_a_single_occasion_are_named() -> None:
    learned = blobs([20, 20])
    found = validated(learned, occasions=np.concatenate([np.arange(20), np.full(20, 20)]))
    assert found.once == ("closed",)
    assert any("all pictures of 'closed' were taken on one" in text for text in found.sentences)


def test_of_many_labels_of_a_single_occasion_some_are_named() -> None:
    found = validated(blobs([2] * 9), [f"label {n}" for n in range(9)], np.arange(18) // 2)
    (told,) = [text for text in found.sentences if text.startswith("all pictures of")]
    assert "'label 4' and 'label 5' and 3 labels more were taken on one occasion" in told


def test_what_cannot_be_judged_gives_no_figures() -> None:
    found = validated(blobs([1, 1]))
    assert (found.judged, found.accuracy, found.interval) == (0, Share(0, 0), None)
    assert found.suggestion.right == Share(0, 0)
    assert found.sentences


@pytest.mark.parametrize(
    ("score", "right", "error"),
    [(0.75, [True, True, True, False], 0.0), (0.95, [True, True, False, False], 0.45)],
)
def test_scores_are_honest_where_they_are_the_share_that_is_right(
    score: float, right: list[bool], error: float
) -> None:
    scores = np.array([[score, 1 - score]] * 4, np.float32)
    assert calibration_error(scores, np.array(right)) == pytest.approx(error, abs=1e-6)
