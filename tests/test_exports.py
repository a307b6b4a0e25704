"""The exports of Teachable Machine and Edge Impulse, wherever a command takes a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgecls.errors import ModelError
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Embedder, read_base
from edgecls.teaching.head import Head
from edgecls.teaching.writing import taught_model
from edgecls.vision.engine import Engine
from edgecls.vision.provenance import Origin
from tests.exports import edge_impulse_library, packed, teachable_machine
from tests.programs import edgecls, json_lines

CONFIG = """
[cameras.porch]
source = "demo:"
[models.fruit]
file = "{file}"
threads = 1
[watches.porch]
model = "fruit"
labels = ["good"]
[watches.porch.decision]
min_score = 0.51
min_margin = 0.0
confirm = "1 of 1"
"""


@pytest.fixture
def export(data: Path, tmp_path: Path) -> Path:
    """As it was downloaded."""
    return teachable_machine(data, tmp_path)


def test_classify_takes_the_zip_as_it_comes(data: Path, export: Path, tmp_path: Path) -> None:
    photo = data / "images/photos/parrot.jpg"
    alone, labels = tmp_path / "alone.tflite", data / "labels/tm_fruit_labels.txt"
    shutil.copyfile(data / "models/tm_fruit_model_unquant.tflite", alone)
    done = edgecls("classify", photo, "-m", export, "--json", home=tmp_path)
    same = edgecls("classify", photo, "-m", alone, "--labels", labels, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    (answer,), (expected,) = json_lines(done.stdout), json_lines(same.stdout)
    assert answer["top"] == expected["top"]
    assert {category["label"] for category in answer["top"]} == {"good", "bad"}


def test_info_says_what_lies_in_it(export: Path, tmp_path: Path) -> None:
    done = edgecls("models", "info", export, home=tmp_path)
    assert f"file        {export}, model_unquant.tflite in it\n" in done.stdout
    assert "labels      2, from 'good' to 'bad'\n" in done.stdout
    assert "mean [127.5], std [127.5] (as Teachable Machine has it)" in done.stdout
    assert "warning" not in done.stdout
    facts = json.loads(edgecls("models", "info", export, "--json", home=tmp_path).stdout)
    assert facts["packed"] == "model_unquant.tflite"
    assert facts["metadata"]["known"] == "as Teachable Machine has it"


def test_the_daemon_watches_with_it(export: Path, tmp_path: Path) -> None:
    config = tmp_path / "edgecls.toml"
    config.write_text(CONFIG.format(file=export.name))
    assert edgecls("check-config", "-c", config, home=tmp_path).returncode == 0
    done = edgecls("run", "-c", config, "--frames", "5", home=tmp_path)
    assert done.returncode == 0, done.stderr
    event = json_lines(done.stdout)[0]
    assert (event["label"], event["model"]) == ("good", "fruit")
    config.write_text(CONFIG.format(file="two.zip"))
    packed(tmp_path / "two.zip", {"a.tflite": b"", "b.tflite": b""})
    done = edgecls("run", "-c", config, "--frames", "5", home=tmp_path)
    assert done.returncode == 78
    assert "two.zip: holds 2 models (a.tflite, b.tflite); unpack the one that you" in done.stderr


def test_bench_and_evaluate_take_a_lite_and_a_zip(data: Path, tmp_path: Path) -> None:
    content = (data / "models/ei_mask_rgb_96_int8.tflite").read_bytes()
    lite = tmp_path / "ei-mask-transfer-learning-tensorflow-lite-int8-quantized-model.lite"
    lite.write_bytes(content)
    (tmp_path / "labels.txt").write_text("face\nmask")
    library = edge_impulse_library(content, tmp_path / "library.zip")
    for model in (lite, library):
        options = ("--seconds", "0.2", "--threads", "1", "--json")
        done = edgecls("bench", "-m", model, *options, home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json_lines(done.stdout)[0]["model"] == model.stem
    pictures = tmp_path / "pictures" / "face"
    pictures.mkdir(parents=True)
    shutil.copy(data / "images/photos/grace_hopper.jpg", pictures)
    done = edgecls("evaluate", pictures.parent, "-m", lite, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json_lines(done.stdout)[0]["images"] == 1


def test_a_program_of_edge_impulse_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "modelfile.eim").write_bytes(b"\x7fELF" + bytes(60))
    done = edgecls("models", "info", tmp_path / "modelfile.eim", home=tmp_path)
    assert done.returncode == 78
    assert "is a program (such as Edge Impulse's .eim); take the TensorFlow Lite" in done.stderr


def test_what_is_taught_on_an_export_gets_its_pixels_as_the_export_does(
    export: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    base = read_base(ModelSettings(file=str(export)))
    head = Head(np.eye(2, base.dimensions, dtype=np.float32), np.zeros(2, np.float32))
    origin = Origin("a", "b" * 64, "2026-11-21T16:00:00Z", {})
    taught = tmp_path / "taught.tflite"
    taught.write_bytes(taught_model(base, head, ["open", "closed"], origin, min_score=None))
    pixels = np.random.default_rng(1).integers(0, 256, (224, 224, 3), np.uint8)
    with Engine(taught) as engine, Embedder(base) as embedder:
        assert engine.labels == ("open", "closed")
        (expected,) = head.scores(embedder.embed(pixels)[None])
        np.testing.assert_allclose(engine.infer(pixels), expected, atol=1e-4)


def test_exports_are_bases(data: Path, export: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    for path in (
        export,
        data / "models/ei_mask_rgb_96_int8.tflite",
        data / "models/ei_weather_gray_96_int8.tflite",
    ):
        base = read_base(ModelSettings(file=str(path)))
        assert base.dimensions == 1280  # of MobileNet v2, not what its own classes left of it
        with Embedder(base) as embedder:
            pixels = np.zeros((embedder.height, embedder.width, 3), np.uint8)
            dark, bright = embedder.embed(pixels), embedder.embed(pixels + 200)
            assert np.abs(dark - bright).max() > 0.01
    with pytest.raises(ModelError, match="without a TensorFlow Lite model"):
        read_base(ModelSettings(file=str(packed(tmp_path / "x.zip", {"keras_model.h5": "x"}))))
