"""What a model is taught on: published classifiers, cut; embedding extractors, whole."""

from __future__ import annotations

import random
import re
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from edgecls.errors import EdgeclsError, ModelError
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Embedder, read_base
from edgecls.vision.graph import read_graph
from edgecls.vision.model_file import extractor_of
from tests.teaching.bases import BASES, base_of, seen
from tests.teaching.nets import SIDE, net
from tests.vision.compiled import FOLDER

POOLED = ("CONV_2D", 6), ("MEAN",)
COMPILED = r"compiled for the Edge TPU, and its last layer cannot be taken off; .*CPU build"


def read(path: Path, **settings: object) -> int:
    return read_base(ModelSettings(file=str(path), **settings)).dimensions  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BASES)
def test_every_published_classifier_is_a_base(data: Path, name: str) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    base = base_of(data, name)
    assert (base.name, base.dimensions) == (name, BASES[name])
    with Embedder(base) as embedder:
        bird, cat = (
            embedder.embed(seen(data, embedder.width, embedder.height, photo))
            for photo in ("parrot.jpg", "cat_720p.jpg")
        )
    assert bird.shape == cat.shape == (base.dimensions,)
    assert bird.dtype == np.float32
    assert np.isfinite(bird).all()
    assert not np.array_equal(bird, cat)


def test_the_others_are_refused_in_a_sentence(data: Path) -> None:
    known = {f"{name}.tflite" for name in BASES}
    others = [path for path in data.glob("models/**/*.tflite") if path.name not in known]
    assert len(others) == 16
    for path in others:
        with pytest.raises(ModelError, match=r"^[^\n]{20,400}$") as refused:
            read(path)
        assert str(refused.value).startswith(f"{path}: ")
        if path.stem.endswith("_edgetpu"):
            assert re.search(COMPILED, str(refused.value))


def test_a_recurrent_network_is_no_base(data: Path) -> None:
    with pytest.raises(ModelError, match="remembers the pictures that it saw before"):
        base_of(data, "keras_lstm_mnist_ptq")


def test_nothing_is_left_behind_the_cut(data: Path) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    base = base_of(data, "mobilenet_v2_1.0_224_quant")
    model = schema.ModelT.InitFromPackedBuf(base.backbone)
    graph = model.subgraphs[0]
    used = {int(place) for each in graph.operators for place in (*each.inputs, *each.outputs)}
    assert used == set(range(len(graph.tensors)))
    assert {0, *(tensor.buffer for tensor in graph.tensors)} == set(range(len(model.buffers)))
    assert {each.opcodeIndex for each in graph.operators} == set(range(len(model.operatorCodes)))
    assert not model.metadata
    assert not model.signatureDefs
    assert "SOFTMAX" not in extractor_of(Path("cut"), base.backbone).operators
    last = 1001 * 1280 + 1001 * 4  # weights and biases of what was taken off
    assert len(base.backbone) < len(base.reading.model.content) - last


def test_weights_lie_where_the_runtimes_expect_them(data: Path) -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    content = base_of(data, "vww_96_int8").backbone
    model = schema.Model.GetRootAs(content)
    for place in range(model.BuffersLength()):
        buffer = model.Buffers(place)
        if buffer.DataLength():
            field = buffer._tab.Offset(4)
            assert buffer._tab.Vector(field) % 16 == 0


def test_space_is_averaged(tmp_path: Path) -> None:
    steps = ("CONV_2D", 6), ("CONV_2D", 4), ("MEAN",), ("SOFTMAX",)
    base = read_base(ModelSettings(file=str(net(tmp_path / "all.tflite", *steps))))
    assert extractor_of(Path("cut"), base.backbone).output.shape == (1, 8, 8, 6)
    assert base.dimensions == 6
    pixels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    pooled = net(tmp_path / "pooled.tflite", ("CONV_2D", 6), ("MEAN",))
    with Embedder(base) as one, Embedder(read_base(ModelSettings(file=str(pooled)))) as other:
        assert np.allclose(one.embed(pixels), other.embed(pixels), atol=1e-6)


def test_what_a_fully_connected_layer_reads_across_space_stays_apart(tmp_path: Path) -> None:
    steps = ("CONV_2D", 6), ("CONV_2D", 5), ("FULLY_CONNECTED", 3), ("SOFTMAX",)
    base = read_base(ModelSettings(file=str(net(tmp_path / "flat.tflite", *steps))))
    assert base.dimensions == 4 * 4 * 5
    assert extractor_of(Path("cut"), base.backbone).output.shape == (1, 80)


@pytest.mark.parametrize(
    ("steps", "dimensions"),
    [
        ((*POOLED, ("FULLY_CONNECTED", 1), ("LOGISTIC",)), 6),
        ((*POOLED, ("FULLY_CONNECTED", 3)), 6),  # bare logits
        ((("CONV_2D", 6), ("FULLY_CONNECTED", 5), ("FULLY_CONNECTED", 3), ("SOFTMAX",)), 5),
        # A layer that narrows belongs to the head, one that widens does not.
        ((*POOLED, ("FULLY_CONNECTED", 4), ("FULLY_CONNECTED", 3), ("SOFTMAX",)), 6),
        ((*POOLED, ("FULLY_CONNECTED", 8), ("FULLY_CONNECTED", 3), ("SOFTMAX",)), 8),
        ((*POOLED, ("FULLY_CONNECTED", 8), *2 * [("FULLY_CONNECTED", 3)], ("SOFTMAX",)), 8),
    ],
)
def test_classifiers_are_cut_before_their_last_layer(
    tmp_path: Path, steps: tuple[tuple[str, int]], dimensions: int
) -> None:
    assert read(net(tmp_path / "net.tflite", *steps)) == dimensions


@pytest.mark.parametrize(
    ("steps", "dimensions"),
    [
        (POOLED, 6),
        ((("CONV_2D", 6), ("CONV_2D", 8), ("MEAN",), ("RESHAPE", 8)), 8),
        ((*POOLED, ("FULLY_CONNECTED", 5), ("L2_NORMALIZATION",)), 5),
        ((*POOLED, ("CONCATENATION",)), 12),
    ],
)
def test_extractors_are_taken_whole(
    tmp_path: Path, steps: tuple[tuple[str, int]], dimensions: int
) -> None:
    path = net(tmp_path / "extractor.tflite", *steps)
    base = read_base(ModelSettings(file=str(path)), name="mine")
    assert (base.name, base.dimensions, base.backbone) == ("mine", dimensions, path.read_bytes())


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((("FULLY_CONNECTED", 3), ("SOFTMAX",)), "has a single layer"),
        ((("RESHAPE", 768), ("FULLY_CONNECTED", 3), ("SOFTMAX",)), "has a single layer"),
        ((("RESHAPE", 768),), "computes nothing of the picture"),
        ((("SOFTMAX",),), "no layer that could be taken off"),
        ((("CONV_2D", 6), ("CONCATENATION",)), "neither a classifier nor an embedding extractor"),
        ((("CONV_2D", 6), ("CONCATENATION",), ("SOFTMAX",)), "no layer that could be taken off"),
    ],
)
def test_what_is_no_base_says_why(tmp_path: Path, steps: tuple[tuple[str, int]], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        read(net(tmp_path / "net.tflite", *steps))


def test_a_classifier_compiled_with_its_softmax_left_out_cannot_be_cut() -> None:
    with pytest.raises(ModelError, match=COMPILED):
        read(FOLDER / "partly_edgetpu.tflite")


def test_a_compiled_extractor_and_the_cpu_alone_do_not_go_together() -> None:
    with pytest.raises(ModelError, match="cannot run without one"):
        read(FOLDER / "extractor_edgetpu.tflite", delegate="cpu")


def test_the_pixel_bytes_are_what_the_trap_model_wants(data: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    encoder = base_of(data, "automl_labeler_model").reading.encoder
    assert list(encoder.mean) == [128]
    assert encoder.std == pytest.approx((127,))


def test_bytes_that_are_a_step_away_are_fed_as_they_are(data: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    base = base_of(data, "mobilenet_v2_1.0_224_quant")
    assert base.reading.model.metadata.mean == (127.5,)
    pixels = seen(data, 224, 224)
    assert np.array_equal(base.reading.encoder.encode(pixels)[0], pixels)


def test_mean_and_std_are_those_of_the_settings(data: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    file = str(data / "models/pretrainedResnet.tflite")
    encoder = read_base(ModelSettings(file=file, mean=0, std=1)).reading.encoder
    assert (encoder.mean, encoder.std) == ((0,), (1,))


def test_labels_inside_tell_a_classifier(data: Path) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    assert base_of(data, "automl_labeler_model").reading.labels[0] == "daisy"
    assert base_of(data, "vww_96_int8").reading.labels == ()


def test_without_the_schema_a_sentence_says_what_is_needed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)
    with pytest.raises(EdgeclsError, match="needs ai-edge-litert on a 64-bit system"):
        base_of(data, "vww_96_int8")


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_never_crash(data: Path, tmp_path: Path, seed: int) -> None:
    """Cut off, or with bytes changed: refused, or a base like any other."""
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    whole = (data / "models/mnist_28x28x1_uint8.tflite").read_bytes()
    chance, path, refused = random.Random(seed), tmp_path / "damaged.tflite", 0
    for _ in range(60):
        content = bytearray(whole)
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(max(1, len(content)))
            content[at : at + 4] = chance.choice((b"\xff\xff\xff\x7f", chance.randbytes(4)))
        path.write_bytes(content)
        with suppress(ModelError):
            read_graph(read_base(ModelSettings(file=str(path))).backbone)
            continue
        refused += 1
    assert 0 < refused < 60
