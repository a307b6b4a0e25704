"""`edgecls evaluate` as a person or a script meets it, on real photos."""

from __future__ import annotations

import csv
import os
import pty
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from edgecls import Classifier
from edgecls.errors import UsageError
from edgecls.evaluation.plot import can_plot
from tests.benchmarks.accuracy import evaluated
from tests.programs import TIMEOUT_S, edgecls, environment, json_lines

SMALL = "mobilenet_v1_0.25_128_quant"
KEYS = ["images", "top1", "top5", "coverage", "accuracy_covered", "curve", "per_label"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Eight pictures, four of each label, that the model which ships knows."""
    for label, grey in (("dark", 0), ("overexposed", 252)):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(4):
            picture = Image.new("RGB", (120, 90), (grey + number,) * 3)
            picture.save(tmp_path / "own" / label / f"{number}.png")
    return tmp_path / "own"


def quick(data: Path, table: Path) -> list[dict[str, str]]:
    """Write the small subset of the photos as a table of its own."""
    with (data / "images/eval.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["quick"] == "1"]
    lines = [f"{data / 'images/eval' / row['file']},{row['label_id']}" for row in rows]
    table.write_text("\n".join(["file,index", *lines]))
    return rows


def test_the_figures_are_those_of_the_classifier(data: Path, tmp_path: Path) -> None:
    rows = quick(data, tmp_path / "quick.csv")
    model = data / f"models/{SMALL}.tflite"
    done = edgecls("evaluate", tmp_path / "quick.csv", "-m", model, "--json", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = json_lines(done.stdout)
    assert list(found)[: len(KEYS)] == KEYS
    counts: Counter[str] = Counter()
    with Classifier(model) as classifier:
        for row in rows:
            answer = classifier.classify(data / "images/eval" / row["file"])
            right = answer.top[0].index == int(row["label_id"])
            counts["top1"] += right
            counts["top5"] += int(row["label_id"]) in {c.index for c in answer.top}
            counts["covered"] += answer.reason is None
            counts["right"] += right and answer.reason is None
    assert found["images"] == len(rows)
    assert found["top1"] == pytest.approx(counts["top1"] / len(rows), abs=1e-4)
    assert found["top5"] == pytest.approx(counts["top5"] / len(rows), abs=1e-4)
    assert found["coverage"] == pytest.approx(counts["covered"] / len(rows), abs=1e-4)
    share = counts["right"] / counts["covered"]
    assert found["accuracy_covered"] == pytest.approx(share, abs=1e-4)
    at = {(each["min_score"], each["min_margin"]): each for each in found["curve"]}
    assert at[0, 0]["coverage"] == 1
    assert at[0, 0]["accuracy"] == found["top1"]
    assert at[0.6, 0.1]["coverage"] == found["coverage"]
    assert set(at[0, 0]) == {"min_score", "min_margin", "coverage", "accuracy"}


@pytest.mark.parametrize("model", [SMALL, "mobilenet_v1_0.25_128"])
def test_all_photos_reproduce_the_reference(model: str, data: Path) -> None:
    with (data / "accuracy.csv").open() as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if row["model"] == model and row["preprocess"] == "cvplain"
        )
    found = evaluated(data / f"models/{model}.tflite", "stretch")
    assert found.images == int(row["images"])
    assert 100 * (found.top1.value or 0) == pytest.approx(float(row["top1"]), abs=1)
    assert 100 * (found.top5.value or 0) == pytest.approx(float(row["top5"]), abs=1)


def test_a_bad_picture_is_named_and_the_others_are_evaluated(own: Path, tmp_path: Path) -> None:
    (own / "dark/bad.png").write_bytes(b"not a picture")
    done = edgecls("evaluate", own, "-m", "camera_health_v1", "--json", home=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"edgecls evaluate: {own}/dark/bad.png: is no JPEG, PNG, BMP or WebP picture\n"
    )
    (found,) = json_lines(done.stdout)
    assert (found["images"], found["unreadable"], found["top1"]) == (8, 1, 1)


def test_pictures_of_which_none_can_be_read_are_a_failure(own: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("file,label\nnowhere.png,dark\n")
    done = edgecls("evaluate", tmp_path / "x.csv", "-m", "camera_health_v1", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("x.csv: none of its 1 pictures can be read")


def test_without_a_terminal_people_get_plain_lines(own: Path, tmp_path: Path) -> None:
    done = edgecls("evaluate", own, "-m", "camera_health_v1", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["top-1", "100.0", "67.6", "-", "100.0", "8"] in words
    assert ["dark", "4", "100.0", "100.0"] in words
    assert "\x1b" not in done.stdout


def test_on_a_terminal_there_are_tables(own: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "evaluate", str(own), "-m", "camera_health_v1"],
        env=environment(tmp_path) | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=True,
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert done.stderr == b""
    assert "┃" in drawn
    assert "top-1" in drawn


def test_a_watch_brings_its_groups_labels_and_decision(own: Path, tmp_path: Path) -> None:
    config = tmp_path / "edgecls.toml"
    config.write_text(
        '[cameras.porch]\nsource = "demo:"\n'
        '[watches.porch]\nmodel = "camera_health_v1"\nlabels = ["bad"]\n'
        '[watches.porch.groups]\nbad = ["dark", "covered"]\n'
    )
    done = edgecls("evaluate", own, "-c", config, "--watch", "porch", "--json", home=tmp_path)
    (found,) = json_lines(done.stdout)
    assert list(found["per_label"]) == ["bad", "overexposed"]
    assert (found["top1"], found["coverage"], found["accuracy_covered"]) == (1, 0.5, 1)


def test_thresholds_and_temperature_of_the_command_line_are_in_force(
    own: Path, tmp_path: Path
) -> None:
    def coverage(*options: object) -> float:
        done = edgecls("evaluate", own, "-m", "camera_health_v1", "--json", *options, home=tmp_path)
        return float(json_lines(done.stdout)[0]["coverage"])

    assert coverage("--min-score", 1, "--min-margin", 0.01) == 0
    assert coverage("--min-score", 0.9) == 1
    assert coverage("--min-score", 0.9, "--temperature", 10) == 0


def test_labels_that_the_model_lacks_are_wrong_usage(own: Path, tmp_path: Path) -> None:
    (own / "dark").rename(own / "drak")
    done = edgecls("evaluate", own, "-m", "camera_health_v1", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'no class of the model matches "drak"; did you mean "dark"?' in done.stderr


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            "index,file,label\n0,a.png,dark\n",
            'line 2: #0 is "clear" there, and beside it stands "d',
        ),
        ("file,label,index\na.png,dark,1\nb.png,clear,1\n", 'beside it stands "clear"'),
        ("file,label,index\na.png,dark,1\nb.png,dark,2\n", "line 3: #2 is"),
    ],
)
def test_a_number_that_contradicts_the_label_beside_it_is_refused(
    table: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(table)
    done = edgecls("evaluate", tmp_path / "x.csv", "-m", "camera_health_v1", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_model_without_labels_says_so(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("file,label\na.png,dark\n")
    model = data / "models/mobilenet_v1_0.25_128_quant_plain.tflite"
    done = edgecls("evaluate", tmp_path / "x.csv", "-m", model, home=tmp_path)
    assert done.returncode == 2
    assert 'line 2: no class of the model matches "dark"' in done.stderr
    assert "the model has no labels of its own: name them with --labels FILE" in done.stderr


def test_a_precision_in_per_cent_is_understood_and_refused(own: Path, tmp_path: Path) -> None:
    done = edgecls("tune", own, "-m", "camera_health_v1", "--precision", 95, home=tmp_path)
    assert done.returncode == 2
    assert "did you mean 0.95?" in done.stderr


def test_a_full_disk_behind_standard_output_is_said(own: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgecls", "evaluate", str(own), "-m", "camera_health_v1"],
            env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "edgecls evaluate: standard output cannot be written to: no space is left on its disk"
    ]


def test_the_curve_is_drawn(own: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "curve.png"
    done = edgecls("evaluate", own, "-m", "camera_health_v1", "--plot", picture, home=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(picture) as image:
        assert image.size == (960, 720)
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("x.jpg", "draws PNG files"),
        ("nowhere/x.png", "there is no folder"),
        ("folder.png", "is a folder"),
    ],
)
def test_a_plot_that_cannot_be_drawn_is_told_before_the_work(
    file: str, sentence: str, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UsageError, match=sentence):
        can_plot(tmp_path / file)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'edgecls\[plot\]'"):
        can_plot(Path("x.png"))
