"""Whether a head that may as well guess is said to."""

from __future__ import annotations

import numpy as np
import pytest

from edgecls.teaching.fit import fit
from edgecls.teaching.guessing import guessing, right_by_guessing
from edgecls.teaching.sample import Numbers, Sample
from edgecls.teaching.suspicions import Kind, Suspicion
from edgecls.teaching.validation import validate
from tests.teaching.blobs import blobs, pictures


def verdict(learned: Sample, occasions: Numbers | None = None) -> Suspicion | None:
    kept = np.arange(learned.count) if occasions is None else occasions
    return guessing(validate(learned, fit(learned, kept), pictures(learned), ("a", "b"), kept))


def test_pictures_without_a_difference_teach_nothing() -> None:
    found = verdict(blobs([30, 30], apart=0))
    assert found is not None
    assert found.kind is Kind.USELESS
    assert "do not use it" in found.sentence


def test_what_is_learned_well_has_no_verdict() -> None:
    assert verdict(blobs([30, 30])) is None
    assert verdict(blobs([120, 6])) is None


def test_few_pictures_may_be_right_by_luck() -> None:
    found = verdict(blobs([3, 3], apart=12))
    assert found is None or found.kind is not Kind.USELESS
    assert verdict(blobs([1, 1])) is None  # nothing was judged


def test_pictures_of_few_occasions_may_be_right_by_luck() -> None:
    assert verdict(blobs([30, 30])) is None
    found = verdict(blobs([30, 30]), np.repeat(np.arange(2), 30))
    assert found is not None
    assert found.kind is Kind.GUESSING
    assert "pictures of too few occasions to tell it from guessing" in found.sentence


@pytest.mark.parametrize(
    ("confusion", "share"),
    [
        (((25, 25), (25, 25)), 0.5),
        (((90, 0), (10, 0)), 0.9),  # who always says the same is right where it is
        (((90, 0), (0, 10)), 0.82),
    ],
)
def test_guessing_is_as_right_as_the_same_answers_dealt_out(
    confusion: tuple[tuple[int, ...], ...], share: float
) -> None:
    assert right_by_guessing(confusion) == pytest.approx(share)
