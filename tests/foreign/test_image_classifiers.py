"""Taught models in the image classifiers of MediaPipe and of the Task Library: `make test-foreign`.

They are told nothing but the file: labels, normalisation and threshold are what it says itself.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgecls.teaching.base import Base
from edgecls.teaching.head import Head
from edgecls.teaching.writing import taught_model
from edgecls.vision.engine import Engine
from tests.teaching.bases import LABELS, base_of, origin_of, random_head, seen

PYTHON = os.environ.get("EDGECLS_FOREIGN_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="make test-foreign sets it up")

CLASSIFY = Path(__file__).with_name("classify.py")
LIBRARIES = ("mediapipe", "task-library")
EVERYTHING = "0.000000001"
# Both take uint8 and float32 of shape (1, height, width, 3) alone, whoever made the model: bases of
# int8 get a uint8 input.
TAKEN = (
    "automl_labeler_model",
    "ei_mask_rgb_96_int8",
    "mobilenet_edgetpu_0.75_224_post_training_quant",
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.5_160_quant",
    "mobilenet_v2_1.0_224_inat_bird_quant",
    "mobilenet_v2_1.0_224_quant",
    "mobilenet_v2_1.0_224_quant_logits",
    "mobilenet_v3-small_224_1.0_uint8",
    "pretrainedResnet",
    "tf2_mobilenet_v2_1.0_224_ptq",
    "tm_fruit_model_unquant",
    "vww_96_int8",
)


def said(library: str, model: Path, picture: Path, *least: str) -> dict[str, float]:
    assert PYTHON is not None
    command = [PYTHON, str(CLASSIFY), library, str(model), str(picture), *least]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores: dict[str, float] = json.loads(done.stdout)
    return scores


def written(
    folder: Path,
    base: Base,
    head: Head,
    labels: tuple[str, ...] = LABELS,
    min_score: float | None = None,
) -> Path:
    file = folder / "taught.tflite"
    file.write_bytes(taught_model(base, head, labels, origin_of(base), min_score=min_score))
    return file


def picture_of(data: Path, folder: Path, base: Base) -> Path:
    model = base.reading.model
    np.save(folder / "picture.npy", seen(data, model.width, model.height))
    return folder / "picture.npy"


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("library", LIBRARIES)
def test_they_give_our_scores(data: Path, tmp_path: Path, library: str, name: str) -> None:
    base = base_of(data, name)
    file, picture = written(tmp_path, base, random_head(base)), picture_of(data, tmp_path, base)
    with Engine(file) as engine:
        ours = engine.infer(np.load(picture))
    theirs = said(library, file, picture, EVERYTHING)
    assert set(theirs) == set(LABELS)
    for label, score in zip(LABELS, ours, strict=True):
        assert theirs[label] == pytest.approx(float(score), abs=1e-4), label


@pytest.mark.parametrize("library", LIBRARIES)
def test_they_keep_to_the_threshold_of_the_file(data: Path, tmp_path: Path, library: str) -> None:
    base = base_of(data, "mobilenet_v1_0.25_128")
    head, picture = random_head(base), picture_of(data, tmp_path, base)
    all_scores = said(library, written(tmp_path, base, head), picture, EVERYTHING)
    between = sum(sorted(all_scores.values())[-2:]) / 2
    above = said(library, written(tmp_path, base, head, min_score=between), picture)
    assert list(above) == [max(all_scores, key=all_scores.__getitem__)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_they_read_a_thousand_labels(data: Path, tmp_path: Path, library: str) -> None:
    base = base_of(data, "mobilenet_v1_0.25_128")
    labels = tuple(f"Nr. {index}, 'so'" for index in range(1000))
    file = written(tmp_path, base, random_head(base, 1000), labels)
    assert set(said(library, file, picture_of(data, tmp_path, base), "0")) <= set(labels)
    assert len(said(library, file, picture_of(data, tmp_path, base), EVERYTHING)) > 900
