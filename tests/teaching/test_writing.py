"""A taught model as a file: any runtime gives the head's scores, and it says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecls.errors import ModelError
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Base, Embedder, read_base
from edgecls.teaching.head import Head
from edgecls.teaching.writing import taught_model
from edgecls.vision.engine import Engine, place
from edgecls.vision.model_file import model_of, read_model
from edgecls.vision.provenance import read_provenance
from tests.teaching.bases import (
    BASES,
    LABELS,
    TWO_LAYERS,
    base_of,
    origin_of,
    random_head,
    seen,
    small_base,
)
from tests.teaching.nets import net
from tests.vision.compiled import FOLDER
from tests.vision.tpu import MakeEdgeTpu, make_edge_tpu

__all__ = ["make_edge_tpu"]

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

PHOTOS = ("parrot.jpg", "cat_720p.jpg")


def written(base: Base, head: Head, labels: tuple[str, ...], path: Path) -> Path:
    path.write_bytes(taught_model(base, head, labels, origin_of(base), min_score=None))
    return path


@pytest.mark.parametrize("name", BASES)
def test_the_file_gives_the_scores_of_the_head(data: Path, tmp_path: Path, name: str) -> None:
    base = base_of(data, name)
    head = random_head(base)
    file = written(base, head, LABELS, tmp_path / "taught.tflite")
    with Embedder(base) as embedder, Engine(file) as engine:
        assert (engine.labels, engine.warnings) == (LABELS, ())
        assert engine.model.output.shape == (1, len(LABELS))
        assert engine.model.output.dtype == "float32"
        assert engine.model.input.shape == base.reading.model.input.shape
        for photo in PHOTOS:
            pixels = seen(data, embedder.width, embedder.height, photo)
            scores = head.scores(embedder.embed(pixels)[None])[0]
            assert np.abs(engine.infer(pixels) - scores).max() < 1e-5


@pytest.mark.parametrize("name", [name for name in BASES if name not in TWO_LAYERS])
def test_its_own_last_layer_put_back_gives_the_scores_of_the_original(
    data: Path, tmp_path: Path, name: str
) -> None:
    base = base_of(data, name)
    head = _last_layer(base.reading.model.content)
    labels = tuple(f"class {index}" for index in range(len(head.weights)))
    file = written(base, head, labels, tmp_path / "again.tflite")
    path, fed = base.reading.model.path, base.reading.encoder
    original = Engine(path, labels=labels, mean=fed.mean, std=fed.std)
    with original, Engine(file) as again:
        for photo in PHOTOS:
            pixels = seen(data, again.width, again.height, photo)
            expected, scores = original.infer(pixels), again.infer(pixels)
            assert scores.argmax() == expected.argmax()
            if name != "mobilenet_v2_quantized_1x3x224x224":  # whose logits end at 17.2
                assert np.abs(scores - expected).max() < 0.02  # it rounds its logits to 8 bits


def test_space_is_averaged_by_the_file_as_well(data: Path, tmp_path: Path) -> None:
    steps = ("CONV_2D", 6), ("CONV_2D", 4), ("MEAN",), ("SOFTMAX",)
    base = read_base(ModelSettings(file=str(net(tmp_path / "net.tflite", *steps))))
    head, pixels = random_head(base), seen(data, 16, 16)
    with Engine(written(base, head, LABELS, tmp_path / "taught.tflite")) as engine:
        assert "MEAN" in engine.model.operators
        with Embedder(base) as embedder:
            scores = head.scores(embedder.embed(pixels)[None])[0]
        assert np.abs(engine.infer(pixels) - scores).max() < 1e-5


def test_what_was_taught_can_be_taught_on(data: Path, tmp_path: Path) -> None:
    first = small_base(data)
    file = written(first, random_head(first), LABELS, tmp_path / "first.tflite")
    second = read_base(ModelSettings(file=str(file)))
    pixels = seen(data, 96, 96)
    with Embedder(first) as one, Embedder(second) as other:
        assert np.array_equal(one.embed(pixels), other.embed(pixels))
    again = written(second, random_head(second), LABELS, tmp_path / "second.tflite")
    assert abs(again.stat().st_size - file.stat().st_size) < 200


def test_equal_input_gives_equal_bytes(data: Path) -> None:
    base = small_base(data)
    one, other = (
        taught_model(base, random_head(base), LABELS, origin_of(base), min_score=0.5)
        for _ in range(2)
    )
    assert one == other


def test_the_file_says_what_it_is(data: Path) -> None:
    base = base_of(data, "automl_labeler_model")
    content = taught_model(base, random_head(base), LABELS, origin_of(base), min_score=0.35)
    said = model_of(Path("taught.tflite"), content).metadata
    assert said.labels == "gate, open\nTür zu\ncat\nnone\n"
    assert said.min_score == pytest.approx(0.35)
    assert list(said.mean) == [128]
    assert said.std == pytest.approx((127,))
    assert read_provenance(content) == origin_of(base)
    assert read_provenance(base.reading.model.content) is None


def test_no_min_score_is_none(data: Path) -> None:
    base = small_base(data)
    content = taught_model(base, random_head(base), LABELS, origin_of(base), min_score=None)
    assert model_of(Path("taught.tflite"), content).metadata.min_score is None


def test_channels_may_have_their_own_normalisation(data: Path, tmp_path: Path) -> None:
    file = str(data / "models/mobilenet_v1_0.25_128.tflite")
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    base = read_base(ModelSettings(file=file, mean=mean, std=std))
    content = taught_model(base, random_head(base), LABELS, origin_of(base), min_score=None)
    said = model_of(Path("taught.tflite"), content).metadata
    assert said.mean == pytest.approx(mean)
    assert said.std == pytest.approx(std)


def test_normalisation_that_a_file_cannot_say_is_refused(data: Path) -> None:
    file = str(data / "models/mobilenet_v1_0.25_128_quant_plain.tflite")
    base = read_base(ModelSettings(file=file, mean=0, std=1))  # a third of the grey levels cut off
    with pytest.raises(ModelError, match="mean and std do not fit"):
        taught_model(base, random_head(base), LABELS, origin_of(base), min_score=None)


def test_labels_are_cleaned_and_one_line_each(data: Path, tmp_path: Path) -> None:
    base = small_base(data)
    labels = ("two\nlines", "bell\x07", " wide\u2028 ", "#1, \"quoted\" 'so'", "7 dwarfs")
    head = random_head(base, len(labels))
    with Engine(written(base, head, labels, tmp_path / "taught.tflite")) as engine:
        assert engine.labels == ("twolines", "bell", "wide", "#1, \"quoted\" 'so'", "7 dwarfs")


@pytest.mark.parametrize("classes", [2, 1000])
def test_few_classes_and_many(data: Path, tmp_path: Path, classes: int) -> None:
    base = small_base(data)
    labels = tuple(f"class {index}" for index in range(classes))
    head, pixels = random_head(base, classes), seen(data, 96, 96)
    with Engine(written(base, head, labels, tmp_path / "taught.tflite")) as engine:
        assert engine.labels == labels
        assert engine.infer(pixels).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("a",), "single class"),
        (("a", "b", "a"), "two classes called 'a'"),
        (("a", "a\x07"), "two classes called 'a'"),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(
    data: Path, labels: tuple[str, ...], why: str
) -> None:
    base = small_base(data)
    head = random_head(base, len(labels))
    with pytest.raises(ModelError, match=why):
        taught_model(base, head, labels, origin_of(base), min_score=None)


def test_a_head_of_another_base_is_refused(data: Path) -> None:
    base, other = small_base(data), base_of(data, "mnist_28x28x1_uint8")
    with pytest.raises(ModelError, match="embeddings of another base"):
        taught_model(base, random_head(other), LABELS, origin_of(base), min_score=None)
    with pytest.raises(ModelError, match="4 labels"):
        taught_model(base, random_head(base, 3), LABELS, origin_of(base), min_score=None)


def test_on_an_edge_tpu_the_backbone_stays_there(
    make_edge_tpu: MakeEdgeTpu, tmp_path: Path
) -> None:
    """The library takes over the one compiled operator; the head runs on the CPU."""
    make_edge_tpu()
    from tests.teaching.compiled import taught_on_a_tpu

    said = taught_on_a_tpu(FOLDER / "extractor_edgetpu.tflite", tmp_path / "taught.tflite")
    model = read_model(tmp_path / "taught.tflite")
    assert model.operators[0] == "edgetpu-custom-op"
    assert (model.accelerated, len(model.operators)) == (1, 5)
    assert place(model, "auto").reason == "only 1 of its 5 operators are compiled for the Edge TPU"
    assert said["accelerated"]
    assert said["scores"] == pytest.approx(said["expected"], abs=1e-5)
    # The C code saw this picture, to a step of the quantized embedding.
    assert said["embedding"] == pytest.approx(said["by_hand"], abs=0.016)


def _last_layer(content: bytes) -> Head:
    """The weights and biases of the last convolution or fully connected layer, dequantized."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    weighted = [each for each in graph.operators if _code(model, each) in (3, 9)]
    places = list(weighted[-1].inputs)
    weights = _values(model, graph.tensors[places[1]])
    weights = weights.reshape(len(weights), -1)
    bias = np.zeros(len(weights))
    if len(places) > 2 and places[2] >= 0:
        bias = _values(model, graph.tensors[places[2]])
    return Head(weights.astype(np.float32), bias.astype(np.float32))


def _code(model: Any, operator: Any) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def _values(model: Any, tensor: Any) -> Any:
    dtype = {0: np.float32, 2: np.int32, 3: np.uint8, 9: np.int8}[tensor.type]
    stored = np.frombuffer(model.buffers[tensor.buffer].data.tobytes(), dtype)
    values = stored.reshape(tensor.shape).astype(float)
    if tensor.type == 0:
        return values
    scale = np.array(tensor.quantization.scale, float)
    zero = np.zeros(1) if tensor.quantization.zeroPoint is None else tensor.quantization.zeroPoint
    along = [-1] + [1] * (values.ndim - 1)
    return (values - np.array(zero, float).reshape(along)) * scale.reshape(along)
