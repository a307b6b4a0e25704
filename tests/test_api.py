"""The five lines of Python that a script needs."""

from __future__ import annotations

import csv
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecls
from edgecls import Classifier
from edgecls.domain import Reason, Verdict
from edgecls.errors import ConfigError, ModelError, PictureError, UsageError
from edgecls.pictures import read_picture
from edgecls.settings import DecisionSettings
from tests.vision.tiny import threshold_metadata, tiny_model


@pytest.fixture(scope="module")
def classifier(data: Path) -> Iterator[Classifier]:
    with Classifier(data / "models/mobilenet_v2_1.0_224_quant.tflite") as classifier:
        yield classifier


def test_a_picture_is_classified_and_judged(classifier: Classifier, data: Path) -> None:
    answer = classifier.classify(data / "images/photos/cat.bmp")
    assert [answer.top[0].label, answer.top[0].index] == ["Egyptian cat", 286]
    assert answer.top[0].score > 0.8
    assert len(answer.top) == 5
    assert (answer.verdict, answer.reason) == (Verdict.ACCEPTED, None)
    assert answer.preprocess_ms > 0
    assert answer.inference_ms > 0


def test_path_pil_image_and_array_give_the_same(classifier: Classifier, data: Path) -> None:
    path = data / "images/photos/cat_720p.jpg"
    with Image.open(path) as image:
        tops = [
            classifier.classify(path, top=3).top,
            classifier.classify(str(path), top=3).top,
            classifier.classify(image, top=3).top,
            classifier.classify(np.array(image), top=3).top,
        ]
    assert tops[0] == tops[1] == tops[2] == tops[3]
    assert len(tops[0]) == 3


def test_a_view_with_negative_strides_is_an_array_like_any_other(
    classifier: Classifier, data: Path
) -> None:
    pixels = read_picture(data / "images/photos/cat.bmp")
    turned = pixels[::-1, ::-1]
    assert classifier.classify(turned).top == classifier.classify(turned.copy()).top
    exact = np.zeros((448, 448, 3), np.uint8)[::2, ::2]
    assert classifier.classify(exact).top == classifier.classify(exact.copy()).top


def test_the_usual_photos_come_out_right(classifier: Classifier, data: Path) -> None:
    with (data / "images/photos.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["label_id"]]
    for row in rows:
        path = data / "images/photos" / row["file"]
        image = np.fromfile(path, np.uint8).reshape(224, 224, 3) if path.suffix == ".rgb" else path
        best = classifier.classify(image).top[0]
        assert best.index in {int(row["label_id"]), 457, 652}, row["file"]  # Hopper: bow tie


def test_the_quick_photos_are_as_often_right_as_they_were_measured(
    classifier: Classifier, data: Path
) -> None:
    with (data / "images/eval.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["quick"] == "1"]
    right = sum(
        classifier.classify(data / "images/eval" / row["file"]).top[0].index == int(row["label_id"])
        for row in rows
    )
    assert right / len(rows) > 0.6


def test_what_is_below_the_minimum_is_ambiguous(data: Path) -> None:
    model = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    photo = data / "images/photos/cat.bmp"
    with Classifier(model, min_score=0.99) as strict:
        answer = strict.classify(photo)
        assert (answer.verdict, answer.reason) == (Verdict.AMBIGUOUS, Reason.LOW_SCORE)
    with Classifier(model, min_score=0, min_margin=0.99) as strict:
        assert strict.classify(photo).reason is Reason.LOW_MARGIN


def test_groups_are_summed_and_others_are_not_watched(data: Path) -> None:
    model = data / "models/mobilenet_v2_1.0_224_quant.tflite"
    groups = {"cat": ["#282-286"], "bird": ["#8-25"]}
    with Classifier(model, groups=groups, watch=["cat"]) as cats:
        cat = cats.classify(data / "images/photos/cat.bmp")
        assert (cat.top[0].label, cat.top[0].index, cat.reason) == ("cat", None, None)
        assert cat.top[0].score > 0.95
        assert cats.classify(data / "images/photos/bird.bmp").reason is Reason.NOT_WATCHED


def test_the_region_is_what_is_looked_at(data: Path) -> None:
    photo = read_picture(data / "images/photos/cat_720p.jpg")
    canvas = np.zeros((1440, 2560, 3), np.uint8)
    canvas[720:, 1280:] = photo
    with Classifier(
        data / "models/mobilenet_v2_1.0_224_quant.tflite", region=(0.5, 0.5, 0.5, 0.5)
    ) as corner:
        assert corner.classify(canvas).top == corner.classify(canvas[:, :].copy()).top
        assert corner.classify(canvas).top[0].index == 286


def test_labels_may_be_a_file_a_list_or_nothing(data: Path) -> None:
    model = data / "models/vww_96_int8.tflite"
    assert Classifier(model).labels == ("class 0", "class 1")
    assert Classifier(model, labels=["no", "yes"]).labels == ("no", "yes")
    by_file = Classifier(model, labels=str(data / "labels/vww_labels.txt"))
    assert by_file.labels == ("non_person", "person")
    with pytest.raises(ModelError, match="has 5 labels, but vww_96_int8 has 2 classes"):
        Classifier(model, labels=data / "labels/flowers_labels.txt")


def test_the_defaults_are_those_of_the_configuration() -> None:
    wanted = DecisionSettings()
    given = inspect.signature(Classifier).parameters
    assert given["min_score"].default == wanted.min_score
    assert given["min_margin"].default == wanted.min_margin


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"resize": "zoom"}, r'resize must be one of "crop", "fit", "stretch", not \'zoom\''),
        ({"min_score": 1.5}, r"min_score must be from 0 to 1, not 1\.5"),
        ({"min_margin": float("nan")}, "min_margin must be from 0 to 1, not nan"),
        ({"threads": -1}, "threads must be from 0 to 16, not -1"),
        ({"activation": "relu"}, "activation must be one of .*, not 'relu'"),
        ({"region": (0.5, 0, 0.6, 1)}, "region must be .* as fractions"),
        ({"region": (0, 0, 1)}, "region must be"),
    ],
)
def test_arguments_out_of_range_are_usage_errors(
    data: Path, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        Classifier(data / "models/vww_96_int8.tflite", **arguments)  # type: ignore[arg-type]


def test_a_label_that_the_model_does_not_have_is_told(data: Path) -> None:
    with pytest.raises(ConfigError, match="unicorn"):
        Classifier(data / "models/vww_96_int8.tflite", watch=["unicorn"])


def test_a_bad_picture_leaves_the_classifier_usable(
    classifier: Classifier, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.jpg").write_bytes(b"no")
    with pytest.raises(PictureError):
        classifier.classify(tmp_path / "x.jpg")
    with pytest.raises(UsageError):
        classifier.classify(None)  # type: ignore[arg-type]
    assert classifier.classify(data / "images/photos/cat.bmp").top[0].index == 286


def test_warnings_of_a_model_are_logged(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    Classifier(data / "models/automl_labeler_model.tflite").close()
    assert "automl_labeler_model" in caplog.text
    assert "set mean and std" in caplog.text


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, edgecls\n"
        "print([m for m in ('numpy', 'cv2', 'PIL', 'ai_edge_litert') if m in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert child.stdout.strip() == b"[]"


def test_the_package_has_what_it_promises() -> None:
    assert edgecls.Classifier is Classifier
    with pytest.raises(AttributeError, match="Classifer"):
        edgecls.Classifer  # noqa: B018


def test_the_model_recommends_the_minimum_where_nobody_sets_one(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.tflite", [1, 2], [0, 0], metadata=threshold_metadata(0.35))
    with Classifier(path) as advised, Classifier(path, min_score=0.7) as set_:
        assert advised.min_score == pytest.approx(0.35)
        assert set_.min_score == 0.7
