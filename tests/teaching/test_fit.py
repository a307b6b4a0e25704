"""What a fitted head says, and that what it says of held-out pictures is honest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecls.errors import ModelError, UsageError
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Embedder, read_base
from edgecls.teaching.fit import Fitted, better, fit, held_out
from edgecls.teaching.folds import NEVER, folds
from edgecls.teaching.head import Floats, softmax
from edgecls.teaching.regression import Regression
from edgecls.teaching.sample import Sample
from edgecls.teaching.space import space
from tests.teaching.blobs import blobs, sample
from tests.teaching.photos import KINDS, photos_of


def alone(sample: Sample) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Each picture is an occasion of its own."""
    return np.arange(sample.count)


def share_right(scores: Floats, sample: Sample) -> float:
    return float((scores.argmax(axis=1) == sample.truths).mean())


def test_a_head_tells_clouds_apart_that_it_did_not_see() -> None:
    both = blobs([120, 120, 120])
    learned = np.arange(360) % 120 < 20
    few, new = (sample(both.embeddings[of], both.classes[of]) for of in (learned, ~learned))
    head = fit(few, alone(few)).head
    assert head.weights.shape == (3, 40)
    assert share_right(head.scores(new.embeddings), new) >= 0.95


def test_scores_of_a_head_are_a_softmax_of_weights_and_bias() -> None:
    learned = blobs([8, 8])
    head = fit(learned, alone(learned)).head
    scores = head.scores(learned.embeddings)
    logits = learned.embeddings @ head.weights.T + head.bias
    assert scores.sum(axis=1) == pytest.approx(np.ones(16), abs=1e-6)
    assert scores == pytest.approx(np.exp(logits) / np.exp(logits).sum(axis=1)[:, None], abs=1e-6)


def test_the_same_sample_gives_the_same_head() -> None:
    learned = blobs([30, 7, 12], apart=2)
    one, other = (fit(learned, alone(learned)) for _ in range(2))
    assert (one.head.weights == other.head.weights).all()
    assert (one.held_out == other.held_out).all()


def test_no_step_from_the_minimum_goes_down() -> None:
    learned = blobs([15, 10, 5], apart=2)
    truths = np.eye(3, dtype=np.float32)[learned.classes]
    weights = np.full(30, 1 / 30, np.float32)
    ((slopes, bias),) = Regression(learned.embeddings, truths, weights).path([0.01])

    def loss(slopes: NDArray[Any], bias: NDArray[Any]) -> float:
        scores = softmax((learned.embeddings @ slopes + bias).astype(np.float64))
        log_loss = -np.log((scores * truths).sum(axis=1)).mean()
        return float(log_loss + 0.005 * (slopes.astype(np.float64) ** 2).sum())

    random = np.random.default_rng(0)
    least = loss(slopes, bias)
    for size in (0.1, 0.03, 0.01):
        for _ in range(20):
            step = size * random.normal(size=slopes.shape)
            assert loss(slopes + step, bias + size * random.normal(size=3)) > least - 1e-6


def test_copies_of_a_picture_do_not_help_to_guess_it() -> None:
    """Labels that say nothing: whoever gets more than half of them right has seen the copies."""
    told = blobs([30, 30], apart=0)
    copies = replace(
        told,
        embeddings=np.concatenate([told.embeddings] * 3),
        classes=np.tile(told.classes, 3),
        pictures=np.tile(told.pictures, 3),
        own=np.arange(180) < 60,
    )
    assert share_right(fit(copies, alone(copies)).held_out, copies) < 0.7


def test_pictures_of_one_occasion_do_not_help_to_guess_each_other() -> None:
    scenes = blobs([10, 10], apart=0)
    occasion = np.repeat(np.arange(20), 5)
    shaken = np.random.default_rng(1).normal(scale=0.01, size=(100, 40)).astype(np.float32)
    frames = sample(scenes.embeddings[occasion] + shaken, scenes.classes[occasion])
    assert share_right(held_out(frames, alone(frames)), frames) > 0.95
    assert share_right(held_out(frames, occasion), frames) < 0.75


def test_an_unequal_number_of_pictures_does_not_decide() -> None:
    learned = blobs([200, 20], apart=4)
    said = fit(learned, alone(learned)).held_out.argmax(axis=1)
    recall = [float((said[learned.truths == label] == label).mean()) for label in (0, 1)]
    assert min(recall) >= 0.8


def test_the_temperature_makes_scores_honest() -> None:
    both = blobs([260, 260, 260], apart=2)
    learned = np.arange(780) % 260 < 60
    few, new = (sample(both.embeddings[of], both.classes[of]) for of in (learned, ~learned))
    scores = fit(few, alone(few)).head.scores(new.embeddings)
    assert scores.max(axis=1).mean() == pytest.approx(share_right(scores, new), abs=0.06)


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_the_size_of_the_numbers_does_not_matter(scale: float) -> None:
    learned = blobs([12, 12])
    large = replace(learned, embeddings=(learned.embeddings * scale).astype(np.float32))
    plain, scaled = fit(learned, alone(learned)), fit(large, alone(large))
    assert scaled.regularisation == plain.regularisation
    assert scaled.held_out == pytest.approx(plain.held_out, abs=0.02)


def test_embeddings_that_are_all_the_same_give_equal_scores() -> None:
    same = sample(np.ones((10, 40), np.float32), np.repeat([0, 1], 5))
    scores = fit(same, alone(same)).head.scores(same.embeddings)
    assert scores == pytest.approx(np.full((10, 2), 0.5), abs=1e-3)


def test_what_differs_by_rounding_alone_is_not_learned() -> None:
    noise = blobs([4, 3]).embeddings * 1e-7
    ones = (noise + np.arange(1, 41)).astype(np.float32)
    same = sample(ones, np.repeat([0, 1], [4, 3]))
    head = fit(same, alone(same)).head
    assert head.scores(ones) == pytest.approx(np.full((7, 2), 0.5), abs=0.02)
    assert np.abs(head.weights).max() < 1  # else float32 would not tell the scores exactly


def test_two_pictures_of_each_class_are_enough_and_one_gives_no_figures() -> None:
    two, one = blobs([2, 2]), blobs([1, 1])
    assert np.isfinite(fit(two, alone(two)).held_out).all()
    fitted = fit(one, alone(one))
    assert np.isnan(fitted.held_out).all()
    assert share_right(fitted.head.scores(one.embeddings), one) == 1


def test_one_class_is_refused() -> None:
    single = blobs([5])
    with pytest.raises(UsageError, match="at least two classes"):
        fit(single, alone(single))


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e25])
def test_embeddings_that_are_no_numbers_are_refused(number: float) -> None:
    broken = blobs([5, 5])
    broken.embeddings[3, 3] = number
    with pytest.raises(ModelError, match="no numbers"):
        fit(broken, alone(broken))


def test_each_class_has_its_share_in_each_fold() -> None:
    truths = np.repeat([0, 1, 2], [50, 10, 5])
    fold = folds(truths, np.arange(65))
    for label, count in ((0, 10), (1, 2), (2, 1)):
        assert np.bincount(fold[truths == label]).tolist() == [count] * 5


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_few_pictures_of_each_class_are_held_out_together(count: int) -> None:
    truths = np.repeat([0, 1, 2], count)
    fold = folds(truths, np.arange(3 * count))
    shares = [np.bincount(fold[truths == label], minlength=5).tolist() for label in range(3)]
    assert shares[0] == shares[1] == shares[2]


def test_held_out_pictures_of_two_of_each_class_are_not_judged_worse_than_new_ones() -> None:
    judged, new = [], []
    for seed in range(20):
        both = blobs([42, 42], apart=4, seed=seed)
        learned = np.arange(84) % 42 < 2
        few, rest = (sample(both.embeddings[of], both.classes[of]) for of in (learned, ~learned))
        fitted = fit(few, alone(few))
        judged.append(share_right(fitted.held_out, few))
        new.append(share_right(fitted.head.scores(rest.embeddings), rest))
    assert np.mean(judged) == pytest.approx(np.mean(new), abs=0.15)


def test_an_occasion_is_in_one_fold() -> None:
    truths = np.repeat([0, 1], 30)
    occasions = np.concatenate([np.arange(30) // 4, 100 + np.arange(30) // 7])
    fold = folds(truths, occasions)
    assert all(len(set(fold[occasions == number])) == 1 for number in set(occasions.tolist()))


def test_the_only_occasion_of_a_class_is_cut_into_neighbours() -> None:
    fold = folds(np.repeat([0, 1], [10, 3]), np.repeat([0, 1], [10, 3]))
    first = fold[:10].reshape(5, 2)
    assert (first[:, 0] == first[:, 1]).all()
    assert set(first[:, 0]) == {0, 1, 2, 3, 4}


def test_the_only_picture_of_a_class_is_never_held_out() -> None:
    assert folds(np.array([0, 0, 1]), np.arange(3)).tolist()[2] == NEVER


def test_a_space_keeps_what_a_linear_head_says() -> None:
    learned = blobs([9, 9])
    found = space(learned.embeddings)
    random = np.random.default_rng(0)
    weights = random.normal(size=(found.axes.shape[1], 2)).astype(np.float32)
    bias = np.array([0.5, -0.5], np.float32)
    on_features = softmax(found.features(learned.embeddings) @ weights + bias)
    assert found.head(weights, bias).scores(learned.embeddings) == pytest.approx(
        on_features, abs=1e-5
    )


def test_five_photos_of_each_are_worth_more_than_their_centroids(data: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    base = read_base(ModelSettings(file=str(data / "models/mobilenet_v1_0.25_128_quant.tflite")))
    files = [(photo, place) for place, kind in enumerate(KINDS) for photo in photos_of(data, kind)]
    with Embedder(base) as embedder:
        view = View(embedder.width, embedder.height)
        rows = [embedder.embed(view.see(ArrayImage(read_picture(file)))) for file, _ in files]
    embeddings, truths = np.array(rows), np.array([place for _, place in files])
    taught, nearest = [], []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(truths))
        few = np.concatenate([order[truths[order] == label][:5] for label in range(len(KINDS))])
        rest = np.setdiff1d(order, few)
        learned, new = (sample(embeddings[part], truths[part]) for part in (few, rest))
        taught.append(share_right(fit(learned, alone(learned)).head.scores(new.embeddings), new))
        centroids = learned.embeddings.reshape(len(KINDS), 5, -1).mean(axis=1)
        apart = np.linalg.norm(new.embeddings[:, None] - centroids, axis=2)
        nearest.append(share_right(-apart, new))
    assert np.mean(taught) > np.mean(nearest) - 0.02
    assert np.mean(taught) > 0.75


def test_what_a_picture_shows_has_no_part_in_choosing_by_which_head_it_is_judged() -> None:
    learned = blobs([10, 10])
    fitted, fold = fit(learned, alone(learned)), folds(learned.truths, alone(learned))
    sides = np.eye(2, dtype=np.float32)

    def right_in(*folds: int) -> Fitted:
        said = np.where(np.isin(fold, folds), learned.truths, 1 - learned.truths)
        return replace(fitted, held_out=sides[said])

    best, chosen = better([right_in(0, 1), right_in(2, 3)], learned.truths, alone(learned))
    assert best == 0  # of equal ones the first
    assert share_right(chosen.held_out, learned) == 0  # the other four folds prefer the other
    best, chosen = better([right_in(0), right_in(1, 2, 3)], learned.truths, alone(learned))
    assert best == 1
    assert share_right(chosen.held_out, learned) == pytest.approx(0.6)


def test_of_one_head_all_is_as_it_was() -> None:
    learned = blobs([1, 6, 6])
    fitted = fit(learned, alone(learned))
    best, chosen = better([fitted], learned.truths, alone(learned))
    assert best == 0
    assert np.array_equal(chosen.held_out, fitted.held_out, equal_nan=True)
