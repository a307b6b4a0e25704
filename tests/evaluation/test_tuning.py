"""Thresholds that are chosen on some pictures keep their promise on others."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecls.evaluation.figures import Share
from edgecls.evaluation.looking import examine_all
from edgecls.evaluation.subject import Examined, Subject
from edgecls.evaluation.tuning import (
    TEMPERATURES,
    USUAL,
    Setting,
    Tuned,
    lowest_score,
    sighting,
    tune,
)
from edgecls.settings import ModelSettings, WatchSettings
from tests.benchmarks.accuracy import photos
from tests.programs import edgecls, json_lines

SMALL = "mobilenet_v1_0.25_128"

Sightings = NDArray[np.float64]


@pytest.fixture(scope="module")
def seen(data: Path) -> Sightings:
    """All photos of the data through a small model."""
    settings = ModelSettings(file=str(data / f"models/{SMALL}.tflite"))
    examined = Examined(Subject(SMALL, settings, WatchSettings(model=SMALL)))
    examine = sighting(examined.judge, examined.reading.decoder)
    return np.array(examine_all(examined, photos(data, 1001), examine))


def calibrated(count: int) -> Sightings:
    """Pictures of two classes whose score is the probability of being right, at temperature 1."""
    random = np.random.default_rng(11)
    score = random.uniform(0.5, 1, count)
    right = random.uniform(size=count) < score
    columns = np.stack([score, 2 * score - 1, right, np.ones(count)], axis=1)
    return np.repeat(columns[:, None], len(TEMPERATURES), axis=1)


def shares(setting: Setting, seen: Sightings) -> tuple[Share, Share]:
    """How many the setting accepts, and how many of these are right."""
    score, margin, right, may_be = seen[:, TEMPERATURES.index(setting.temperature)].T
    accepted = (score >= setting.min_score) & (margin >= setting.min_margin) & (may_be > 0)
    count = int(accepted.sum())
    return Share(count, len(seen)), Share(int(right[accepted].sum()), count)


def found(seen: Sightings, precision: float, *, sure: bool = False) -> Tuned:
    tuned = tune(list(seen), precision, sure=sure)
    assert tuned is not None
    return tuned


@pytest.mark.parametrize("split", range(8))
@pytest.mark.parametrize("precision", [0.8, 0.85])
def test_tuned_on_half_of_the_photos_it_reaches_its_precision_on_the_other_half(
    split: int, precision: float, seen: Sightings
) -> None:
    order = np.random.default_rng(split).permutation(len(seen))
    half, other = seen[order[:360]], seen[order[360:]]
    tuned = found(half, precision)
    assert tuned.reached
    _, right = shares(tuned.setting, other)
    assert right.whole >= 20
    assert right.interval is not None
    assert right.interval[1] >= precision


def test_it_covers_more_than_a_ranking_by_the_margin_does(seen: Sightings) -> None:
    right = seen[np.argsort(-seen[:, 0, 1]), 0, 2]
    counts = np.arange(1, len(seen) + 1)
    by_margin = int(counts[np.cumsum(right) / counts >= 0.8].max())
    hindsight = found(seen, 0.8).hindsight
    assert hindsight is not None
    assert hindsight.part >= by_margin


def test_what_it_says_of_a_setting_is_what_the_setting_does(seen: Sightings) -> None:
    tuned = found(seen, 0.8)
    assert (tuned.covered, tuned.right) == shares(tuned.setting, seen)


def test_a_calibrated_score_needs_the_threshold_that_its_mean_says() -> None:
    # Above s the mean is (1 + s) / 2, so that 0.9 of them are right from 0.8 upwards.
    tuned = found(calibrated(20_000), 0.9)
    assert tuned.reached
    assert tuned.setting.temperature == 1
    assert tuned.covered.value == pytest.approx(0.4, abs=0.03)
    assert tuned.right.value == pytest.approx(0.9, abs=0.005)


def test_to_be_sure_costs_coverage() -> None:
    pictures = calibrated(600)
    usual, sure = found(pictures, 0.85), found(pictures, 0.85, sure=True)
    assert usual.reached
    assert sure.reached
    assert sure.held_out_right.interval is not None
    assert sure.held_out_right.interval[0] >= 0.85
    assert sure.covered.part < usual.covered.part


def test_what_cannot_be_reached_gives_the_best_that_can() -> None:
    pictures = calibrated(600)
    pictures[::7, :, 2] = 0  # every seventh is wrong, however sure
    tuned = found(pictures, 0.97)
    assert not tuned.reached
    assert tuned.right.value is not None
    assert 0.7 < tuned.right.value < 0.97


def test_where_all_are_right_all_are_accepted() -> None:
    pictures = calibrated(100)
    pictures[:, :, 2] = 1
    tuned = found(pictures, 0.9)
    assert tuned.covered == Share(100, 100)
    # A hundredth below the least score at most: at 0, a state would never end.
    assert 0.49 < tuned.setting.min_score <= pictures[:, 0, 0].min()


def test_of_equally_good_settings_the_present_one_stays() -> None:
    pictures = calibrated(100)
    pictures[:, :, 0] = np.linspace(0.58, 1, 100)[:, None]
    pictures[:, :, 1:3] = 1
    assert found(pictures, 0.9).setting == USUAL  # 96 of 100, so that 4 would be gained
    strict = Setting(1.0, 0.7, 0.3)
    tuned = tune(list(pictures[30:]), 0.9, present=strict)
    assert tuned is not None
    assert (tuned.setting, tuned.covered) == (strict, Share(70, 70))


def test_no_threshold_is_so_low_that_chance_would_keep_a_state_alive() -> None:
    pictures = calibrated(200)
    pictures[:, :, 0] = np.linspace(0.05, 0.5, 200)[:, None]
    pictures[:, :, 1:3] = 1
    tuned = tune(list(pictures), 0.9, lowest=lowest_score(10))
    assert tuned is not None
    assert tuned.setting.min_score == 0.2  # half of which is what one of ten gets by chance
    assert tuned.covered.part == (pictures[:, 0, 0] >= 0.2).sum()


@pytest.mark.parametrize(("categories", "score"), [(2, 0.6), (3, 0.6), (4, 0.5), (1000, 0.01)])
def test_the_lowest_threshold_is_by_the_number_of_categories(categories: int, score: float) -> None:
    assert lowest_score(categories) == score


def test_too_few_pictures_say_nothing() -> None:
    assert tune(list(calibrated(19)), 0.5) is None


def test_pictures_that_no_threshold_would_accept_are_left_aside() -> None:
    pictures = calibrated(400)
    pictures[::2, :, 2:] = 0  # not watched: a wrong answer that nobody hears
    pictures[1::2, :, 2] = 1
    tuned = found(pictures, 0.9)
    assert (tuned.covered, tuned.right) == (Share(200, 400), Share(200, 200))


def test_the_toml_can_be_pasted_and_does_what_it_says(data: Path, tmp_path: Path) -> None:
    model, table = data / f"models/{SMALL}.tflite", tmp_path / "some.csv"
    lines = [f"{example.file},{example.label[1:]}" for example in photos(data, 1001)[:240]]
    table.write_text("\n".join(["file,index", *lines]))
    done = edgecls(
        "tune", table, "-m", model, "--precision", 0.7, "--resize", "stretch", home=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    config = tmp_path / "edgecls.toml"
    pasted = done.stdout.replace("watches.mobilenet_v1_0_25_128", "watches.porch")
    config.write_text(f'[cameras.porch]\nsource = "demo:"\n\n{pasted}')
    told = edgecls("evaluate", table, "-c", config, "--watch", "porch", "--json", home=tmp_path)
    (does,) = json_lines(told.stdout)
    accepted, right = 100 * does["coverage"], 100 * does["accuracy_covered"]
    assert f"# accepted {accepted:.1f} %, of these right {right:.1f} %" in pasted


def test_a_precision_out_of_reach_is_told_with_the_best(own: Path, tmp_path: Path) -> None:
    asked = ("tune", own, "-m", "camera_health_v1", "--precision", 0.9)
    done = edgecls(*asked, "--json", home=tmp_path)
    (line,) = json_lines(done.stdout)
    assert done.returncode == 1
    assert line["reached"] is False
    assert set(line) == {
        "reached", "temperature", "min_score", "min_margin", "images", "coverage",
        "accuracy_covered", "held_out", "hindsight_coverage", "unreadable", "taught",
    }  # fmt: skip
    assert "a precision of 90 % cannot be reached with these pictures; the best is" in done.stderr
    toml = edgecls(*asked, home=tmp_path)
    assert toml.stdout.startswith("# 40 pictures, wanted is 90 % right: not reached\n")
    assert tomllib.loads(toml.stdout)["models"]["camera_health_v1"]["file"] == "camera_health_v1"


def test_only_what_is_new_is_said_of_a_model_of_the_configuration(
    own: Path, tmp_path: Path
) -> None:
    config = tmp_path / "edgecls.toml"
    config.write_text(
        '[cameras.porch]\nsource = "demo:"\n[models.sharp]\nfile = "camera_health_v1"\n'
        '[watches.porch]\nmodel = "sharp"\n[watches.porch.groups]\nbad = ["dark", "covered"]\n'
        "[watches.porch.decision]\nmin_score_by_label = { bad = 0.9 }\n"
    )
    asked = ("tune", own, "-c", config, "--watch", "porch", "--precision", 0.4)
    done = edgecls(*asked, home=tmp_path)
    assert done.returncode == 0
    assert "min_score_by_label is left aside" in done.stderr
    keys = {line[2:].split(" = ")[0] for line in done.stdout.splitlines() if " = " in line}
    assert keys == {"temperature", "model", "resize", "min_score", "min_margin"}
    config.write_text(config.read_text() + done.stdout)  # all is a comment, wherever it is pasted
    assert edgecls("check-config", "-c", config, home=tmp_path).returncode == 0
    for table in ("models.sharp", "watches.porch", "watches.porch.decision"):
        assert f"# in [{table}], in place of the keys of these names:" in done.stdout


def test_a_leave_score_that_would_be_refused_is_told(own: Path, tmp_path: Path) -> None:
    config = tmp_path / "edgecls.toml"
    config.write_text(
        '[cameras.porch]\nsource = "demo:"\n[watches.porch]\nmodel = "camera_health_v1"\n'
        "[watches.porch.decision]\nmin_score = 1\nleave_score = 1\n"
    )
    done = edgecls("tune", own, "-c", config, "--watch", "porch", "--precision", 0.4, home=tmp_path)
    assert "leave_score 1 is above this min_score, which check-config refuses" in done.stderr


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Forty dark pictures, half of which claim to be something else."""
    for label in ("dark", "overexposed"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(20):
            size = (96 + number, 96 + len(label))  # no two files are the same
            grey = Image.new("RGB", size, (number % 4,) * 3)
            grey.save(tmp_path / "own" / label / f"{number}.png")
    return tmp_path / "own"
