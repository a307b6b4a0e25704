"""What a model file is found to be, and how the useless ones are refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.errors import ModelError
from edgecls.vision.graph import read_graph
from edgecls.vision.model_file import Ending, read_model
from tests.vision.tiny import threshold_metadata, tiny_model

REFUSED = {
    "corrupt/empty": "is empty",
    "corrupt/garbage_4k": "is no TensorFlow Lite model",
    "corrupt/html_404": "is a web page",
    "corrupt/lfs_pointer": r"is a Git LFS pointer.*`git lfs pull`",
    "corrupt/magic_only": "is damaged or was cut off",
    "corrupt/truncated_4096": "is damaged or was cut off",
    "corrupt/truncated_half": "is damaged or was cut off",
    "unusable/model_invoking_error": "needs the operator fake-op-double",
    "unusable/person_detect_vela": "needs the operator ethos-u",
    "unusable/split_concat": "no image classifier: it has 3 inputs and 5 outputs",
    "unusable/dilated_conv": "no image classifier: its input has no fixed size",
    "person_detect": "quantized along dimension 3, but has only 1",
}


def test_every_useless_file_of_the_data_is_refused_in_one_clear_line(data: Path) -> None:
    for folder in ("corrupt", "unusable"):
        for path in (data / "models" / folder).iterdir():
            assert f"{folder}/{path.stem}" in REFUSED
    for name, sentence in REFUSED.items():
        path = data / f"models/{name}.tflite"
        with pytest.raises(ModelError, match=sentence) as caught:
            read_model(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such model file"):
        read_model(tmp_path / "x.tflite")
    with pytest.raises(ModelError, match="is a folder"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "size", "channels", "channels_first", "outputs", "ending"),
    [
        ("mobilenet_v2_1.0_224_quant", (224, 224), 3, False, 1001, Ending.SOFTMAX),
        ("mobilenet_v2_1.0_224_quant_logits", (224, 224), 3, False, 1001, Ending.LOGITS),
        ("mobilenet_v2_quantized_1x3x224x224", (224, 224), 3, True, 1000, Ending.LOGITS),
        ("tf2_mobilenet_v2_1.0_224_ptq", (224, 224), 3, False, 1001, Ending.SOFTMAX),
        ("person_detect_qdimfix", (96, 96), 1, False, 2, Ending.SOFTMAX),
        ("keras_lstm_mnist_ptq", (28, 28), 1, False, 10, Ending.SOFTMAX),
        ("mobilenet_v1_0.25_128_quant_edgetpu", (128, 128), 3, False, 1001, Ending.SOFTMAX),
        ("mnist_28x28x1_uint8_edgetpu", (28, 28), 1, False, 10, Ending.SOFTMAX),
    ],
)
def test_the_facts_of_published_models(  # noqa: PLR0917 - one row of the table above
    data: Path,
    name: str,
    size: tuple[int, int],
    channels: int,
    channels_first: bool,
    outputs: int,
    ending: Ending,
) -> None:
    model = read_model(data / f"models/{name}.tflite")
    assert (model.width, model.height) == size
    assert model.channels == channels
    assert model.channels_first == channels_first
    assert model.outputs == outputs
    assert model.ending is ending
    assert model.edge_tpu == name.endswith("edgetpu")


def test_metadata_hold_labels_and_normalisation(data: Path) -> None:
    metadata = read_model(data / "models/mobilenet_v2_1.0_224_quant.tflite").metadata
    assert (metadata.mean, metadata.std, metadata.min_score) == ((127.5,), (127.5,), None)
    assert metadata.labels is not None
    assert metadata.labels.startswith("background\ntench")


def test_metadata_without_tensor_entries_still_have_labels(data: Path) -> None:
    name = "mobilenet_v1_0.25_224_quant_without_subgraph_metadata"
    metadata = read_model(data / f"models/{name}.tflite").metadata
    assert metadata.mean == ()
    assert metadata.labels is not None
    assert metadata.labels.count("\n") >= 1000


def test_metadata_may_recommend_a_threshold(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.tflite", [1, 2], [0, 0], metadata=threshold_metadata(0.35))
    assert read_model(path).metadata.min_score == 0.35


def test_damaged_metadata_count_as_none(tmp_path: Path) -> None:
    whole = threshold_metadata(0.35)
    for cut in range(0, len(whole), 3):
        path = tiny_model(tmp_path / "m.tflite", [1, 2], [0, 0], metadata=whole[:cut] + b"\0")
        assert read_model(path).metadata.labels is None


def test_a_label_zip_that_was_cut_off_leaves_the_model_usable(data: Path, tmp_path: Path) -> None:
    content = (data / "models/automl_labeler_model.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[:-30])
    assert read_model(tmp_path / "cut.tflite").metadata.labels is None


def test_a_label_file_of_more_than_a_megabyte_is_not_read(data: Path, tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.tflite"
    shutil.copyfile(data / "models/keras_lstm_mnist_ptq.tflite", path)
    path.chmod(0o644)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "x\n" * (1 << 20))
    assert read_model(path).metadata.labels is None


@pytest.mark.parametrize(
    ("endings", "ending"),
    [
        (["SOFTMAX"], Ending.SOFTMAX),
        (["LOGISTIC"], Ending.SIGMOID),
        ([], Ending.LOGITS),
        (["SOFTMAX", "RESHAPE"], Ending.SOFTMAX),
        (["RESHAPE"], Ending.LOGITS),
    ],
)
def test_the_graph_tells_how_it_ends(tmp_path: Path, endings: list[str], ending: Ending) -> None:
    path = tiny_model(tmp_path / "m.tflite", [1, 2], [0, 0], endings=endings)
    assert read_model(path).ending is ending


def test_a_model_cut_off_anywhere_is_refused(data: Path, tmp_path: Path) -> None:
    content = (data / "models/mobilenet_v1_0.25_128_quant_plain.tflite").read_bytes()
    for share in [*range(100), 99.9]:
        path = tmp_path / "cut.tflite"
        path.write_bytes(content[: int(len(content) * share / 100)])
        with pytest.raises(ModelError):
            read_model(path)


@settings(deadline=None, max_examples=150)
@given(draws=st.data())
def test_no_damage_makes_the_reader_fail_in_another_way(data: Path, draws: st.DataObject) -> None:
    content = bytearray((data / "models/keras_lstm_mnist_ptq.tflite").read_bytes())
    for _ in range(draws.draw(st.integers(1, 8))):
        content[draws.draw(st.integers(0, len(content) - 1))] = draws.draw(st.integers(0, 255))
    try:
        read_graph(bytes(content[: draws.draw(st.integers(0, len(content)))]))
    except ValueError:  # DamagedError and RefusedError are such
        return


def test_a_pipe_is_no_model_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tflite")
    with pytest.raises(ModelError, match="is a pipe or a device, not a model file"):
        read_model(tmp_path / "x.tflite")
