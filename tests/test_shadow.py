"""What a shadow counts, and that nothing of it reaches its watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecls.domain import NO_STATE, Category, Classification, Frame, Outcome, Reason
from edgecls.errors import ConfigError, ModelError
from edgecls.settings import DecisionSettings, WatchSettings
from edgecls.shadow import Shadow
from edgecls.trial import Share
from edgecls.vision.engine import Engine
from tests.fakes import FlatImage
from tests.vision.tiny import tiny_model

SETTINGS = WatchSettings(model="v1", shadow="v2", shadow_every=1, labels=["dark"])
BRIGHT, DARK, BLUNT = (9.0, 0.0), (0.0, 9.0), (0.0, 0.0)


def shadow(folder: Path, biases: tuple[float, float], settings: WatchSettings = SETTINGS) -> Shadow:
    file = tiny_model(folder / "v2.tflite", [0.0, 0.0], biases, endings=["SOFTMAX"])
    return Shadow("porch", "v2", Engine(file, labels=["bright", "dark"]), settings)


def look(shadow: Shadow, *reasons: Reason | None) -> None:
    """Show it frames in which the model in force saw the dark, for certain or not."""
    best = (Category(1, "dark", 0.9, "dark"),)
    for number, reason in enumerate(reasons):
        frame = Frame("porch", number, FlatImage(), 0, 0, 0.0)
        shadow.look(frame, Outcome("porch", 0.0, NO_STATE, Classification(best, reason)))


@pytest.mark.parametrize(
    ("biases", "agreement", "ambiguous", "verdicts"),
    [
        (DARK, 0.75, 0.0, {"accepted": 4}),
        (BRIGHT, 0.25, 0.0, {"not_watched": 4}),
        (BLUNT, 0.25, 0.0, {"not_watched": 4}),
    ],
)
def test_it_agrees_where_both_would_say_the_same(
    tmp_path: Path,
    biases: tuple[float, float],
    agreement: float,
    ambiguous: float,
    verdicts: dict[str, int],
) -> None:
    ours = shadow(tmp_path, biases)
    look(ours, None, None, None, Reason.LOW_SCORE)
    report = ours.report()
    assert (report["model"], report["frames"]) == ("v2", 4)
    assert (report["agreement"], report["ambiguous"]) == (agreement, ambiguous)
    assert report["ambiguous_in_force"] == 0.25
    assert report["verdicts"] == verdicts
    assert report["inference_ms"].keys() == {"p50", "p95", "p99", "max"}
    assert ours.comparison.shares[0] == Share(4, 1)


def test_two_that_accept_nothing_agree(tmp_path: Path) -> None:
    ours = shadow(tmp_path, (0.0, 0.1))
    look(ours, Reason.LOW_MARGIN, Reason.NOTHING)
    assert ours.report()["agreement"] == 1
    assert ours.report()["ambiguous"] == 1
    assert ours.report()["ambiguous_in_force"] == 0.5


def test_it_sees_one_frame_in_so_many(tmp_path: Path) -> None:
    ours = shadow(tmp_path, DARK, WatchSettings(model="v1", shadow="v2", shadow_every=10))
    look(ours, *[None] * 25)
    assert ours.report()["frames"] == 3


def test_without_a_frame_there_are_no_shares(tmp_path: Path) -> None:
    report = shadow(tmp_path, DARK).report()
    assert report.keys() == {"model", "sha256", "frames", "verdicts"}


def test_labels_that_it_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cat"):
        shadow(tmp_path, DARK, WatchSettings(model="v1", labels=["cat"]))


def test_what_fails_in_use_looks_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours = shadow(tmp_path, DARK)
    look(ours, None)

    def fails(*_: object) -> None:
        raise ModelError("it broke")

    monkeypatch.setattr(ours.engine, "invoke", fails)
    look(ours, None, None, None)
    assert ours.failure == "it broke"
    assert ours.report()["frames"] == 1
    assert len(caplog.messages) == 1


def test_a_rival_says_in_the_end_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgecls.shadow._MOST_COMPARED", 20)
    ours = shadow(tmp_path, BRIGHT)
    look(ours, *[Reason.NOT_WATCHED] * 17, None, Reason.LOW_SCORE)
    assert ours.shares is None
    look(ours, Reason.NOT_WATCHED)
    assert ours.shares == (Share(2, 1), Share(0, 0))


def test_other_rules_begin_anew_and_the_same_go_on(tmp_path: Path) -> None:
    ours = shadow(tmp_path, DARK)
    look(ours, None)
    assert ours.goes_on_as(shadow(tmp_path, DARK))
    assert not ours.goes_on_as(shadow(tmp_path, BRIGHT))
    stricter = ours.judged_by(
        WatchSettings(
            model="v1", shadow="v2", shadow_every=1, labels=["dark"],
            decision=DecisionSettings(min_score=1),
        )
    )  # fmt: skip
    assert not ours.goes_on_as(stricter)
    look(stricter, None)
    assert stricter.report()["verdicts"] == {"low_score": 1}
