"""Models as Teachable Machine and Edge Impulse hand them out."""

from __future__ import annotations

import hashlib
import shutil
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.builds import fallback_settings, pair_settings
from edgecls.engines import Engines, load_engine
from edgecls.errors import ModelError
from edgecls.settings import Config, ModelSettings
from edgecls.vision import archive
from edgecls.vision.engine import Engine, read
from edgecls.vision.model_file import read_model
from tests.exports import edge_impulse_library, packed, teachable_machine
from tests.programs import python
from tests.vision.compiled import FOLDER, LABELS
from tests.vision.tiny import tiny_model
from tests.vision.tpu import MakeEdgeTpu, make_edge_tpu

__all__ = ["make_edge_tpu"]

GREY = np.full((224, 224, 3), 90, np.uint8)


def test_a_zip_of_teachable_machine_is_the_model_and_the_labels_in_it(
    data: Path, tmp_path: Path
) -> None:
    path = teachable_machine(data, tmp_path)
    alone = data / "models/tm_fruit_model_unquant.tflite"
    with Engine(path) as engine, Engine(alone) as same:
        assert engine.labels == ("good", "bad")
        assert engine.model.content == alone.read_bytes()
        assert engine.model.sha256 == hashlib.sha256(alone.read_bytes()).hexdigest()
        assert (engine.model.path, engine.model.name) == (path, "converted_tflite")
        np.testing.assert_array_equal(engine.infer(GREY), same.infer(GREY))


def test_teachable_machine_is_known_by_its_graph_and_gets_minus_one_to_one(data: Path) -> None:
    metadata = read_model(data / "models/tm_fruit_model_unquant.tflite").metadata
    assert (metadata.mean, metadata.std) == ((127.5,), (127.5,))
    assert metadata.known == "as Teachable Machine has it"
    for name in ("mobilenet_v1_0.25_128", "pretrainedResnet"):  # others that say nothing
        assert read_model(data / f"models/{name}.tflite").metadata.mean == ()


def test_a_library_of_edge_impulse_is_the_model_in_its_header(data: Path, tmp_path: Path) -> None:
    model = (data / "models/ei_mask_rgb_96_int8.tflite").read_bytes()
    reading = read(edge_impulse_library(model, tmp_path / "library.zip"))
    assert reading.model.content == model
    assert reading.labels == ("face", 'the "mask"')
    black, white = (np.full((96, 96, 3), byte, np.uint8) for byte in (0, 255))
    assert reading.encoder.encode(black).max() == -128
    assert reading.encoder.encode(white).min() == 127


@pytest.mark.parametrize(
    ("scaling", "lowest", "highest"),
    [
        ("NONE", 0, 1),
        ("0_255", 0, 255),
        ("MIN1_1", -1, 1),
        ("MIN128_127", -128, 127),
        ("UNHEARD_OF", -1, 1),  # as of any other float model
    ],
)
def test_the_scaling_that_edge_impulse_names_is_the_normalisation(
    scaling: str, lowest: float, highest: float, tmp_path: Path
) -> None:
    model = tiny_model(tmp_path / "x.tflite", [1, -1], [0, 0], endings=["SOFTMAX"]).read_bytes()
    encoder = read(edge_impulse_library(model, tmp_path / "x.zip", scaling=scaling)).encoder
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0] = 255
    tensor = encoder.encode(pixels)
    assert (tensor.min(), tensor.max()) == (lowest, highest)


def test_the_name_of_a_float_download_of_edge_impulse_says_nought_to_one(tmp_path: Path) -> None:
    name = "ei-gate-transfer-learning-tensorflow-lite-float32-model (1).3.lite"
    reading = read(tiny_model(tmp_path / name, [1, -1], [0, 0], endings=["SOFTMAX"]))
    assert reading.encoder.encode(np.full((4, 4, 3), 255, np.uint8)).max() == 1
    assert reading.encoder.encode(np.zeros((4, 4, 3), np.uint8)).min() == 0


def test_the_labels_beside_the_model_in_the_zip_count(data: Path, tmp_path: Path) -> None:
    model = (data / "models/tm_fruit_model_unquant.tflite").read_bytes()
    members = {"a/labels.txt": "0 no\n1 nor this", "b/m.tflite": model, "b/labels.txt": "x\ny\n"}
    path = packed(tmp_path / "x.zip", members)
    assert read(path).labels == ("x", "y")
    (tmp_path / "x.labels.txt").write_text("mine\nown\n")
    assert read(path).labels == ("mine", "own")
    assert read(path, labels=["by", "hand"]).labels == ("by", "hand")
    path = packed(tmp_path / "y.zip", {"m.tflite": model, "labels.txt": "a\nb\nc\n"})
    with pytest.raises(ModelError, match=r"labels.txt in it: has 3 labels, but y has 2 classes"):
        read(path)
    members = {"m.tflite": model, "a/labels.txt": "a\nb\n", "b/labels.txt": "c\nd\n"}
    assert read(packed(tmp_path / "z.zip", members)).labels == ("class 0", "class 1")


def test_labels_txt_of_a_folder_belongs_to_its_only_model(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model_unquant.tflite"
    shutil.copyfile(data / "models/tm_fruit_model_unquant.tflite", model)
    shutil.copyfile(data / "labels/tm_fruit_labels.txt", tmp_path / "labels.txt")
    assert read(model).labels == ("good", "bad")
    shutil.copyfile(model, tmp_path / "model_unquant_edgetpu.tflite")  # a build of the same
    assert read(model).labels == ("good", "bad")
    (tmp_path / "other.lite").touch()
    assert read(model).labels == ("class 0", "class 1")
    (tmp_path / "other.lite").unlink()
    (tmp_path / "labels.txt").write_text("0 good\n")
    with pytest.raises(ModelError, match=r"labels.txt: has 1 labels, but model_unquant has 2"):
        read(model)
    (tmp_path / "model_unquant.labels.txt").write_text("named\nafter it\n")
    assert read(model).labels == ("named", "after it")


def test_labels_that_changed_beside_a_model_are_read_again(data: Path, tmp_path: Path) -> None:
    config = Config(base=tmp_path)
    shutil.copyfile(data / "models/tm_fruit_model_unquant.tflite", tmp_path / "m.tflite")
    engines = Engines(None)
    (tmp_path / "labels.txt").write_text("a\nb\n")
    first, _ = engines.of(config, "m.tflite")
    assert engines.of(config, "m.tflite")[0] is first
    (tmp_path / "labels.txt").write_text("a\nbetter\n")
    assert engines.of(config, "m.tflite")[0].labels == ("a", "better")


WITHOUT = {
    "keras.zip": (
        {"keras_model.h5": "x", "labels.txt": "0 a"},
        r"without a TensorFlow Lite model \(keras_model.h5, labels.txt\); export the model as",
    ),
    "many.zip": ({f"{i}.txt": "" for i in range(9)}, r"0.txt, 1.txt, 2.txt, 3.txt and 5 more"),
    "empty.zip": ({"folder/": ""}, "it is empty"),
    "eon.zip": (
        {"tflite-model/tflite_learn_3_compiled.cpp": "= {0x00, 0x01}"},
        "compiled to C",
    ),
    "page.zip": ({"m.tflite": "<!DOCTYPE html>"}, "m.tflite in it is a web page"),
    "zip.zip": ({"m.tflite": "PK\x03\x04"}, "m.tflite in it is an archive"),
    "two.zip": ({"a.tflite": "x", "b/c.lite": "y"}, r"2 models \(a.tflite, b/c.lite\); unpack"),
    "words.zip": ({"tflite-model/x.h": "= {0x0}; = { not }; = {"}, "without a TensorFlow Lite"),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_zip_that_is_no_export_says_so_in_one_line(name: str, tmp_path: Path) -> None:
    members, sentence = WITHOUT[name]
    path = packed(tmp_path / name, members)
    with pytest.raises(ModelError, match=sentence) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_damaged_or_encrypted_zip_says_so(data: Path, tmp_path: Path) -> None:
    path = teachable_machine(data, tmp_path)
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"cannot be read \(File is not a zip file\)"):
        read_model(path)
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is an archive that cannot be read"):
        read_model(path)
    path = packed(tmp_path / "secret.zip", {"m.tflite": "secret"})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"m.tflite is encrypted in it"):
        read_model(path)


def test_a_zip_bomb_is_refused_before_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("a.tflite", "b.tflite", "c.tflite"):
            with made.open(name, "w") as file:
                for _ in range(100):
                    file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ModelError, match=r"more than a model may have \(256 MB\)"):
        read_model(bomb)
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()
    model = tiny_model(tmp_path / "m.tflite", [1, -1], [0, 0]).read_bytes()
    members = {"m.tflite": model, "labels.txt": bytes(2 << 20)}
    with pytest.raises(ModelError, match=r"labels.txt in it is too large \(limit 1 MB\)"):
        read_model(packed(tmp_path / "labels.zip", members))
    monkeypatch.setattr(archive, "_MAX_FILES", 3)
    with pytest.raises(ModelError, match="too many files"):
        read_model(packed(tmp_path / "files.zip", {f"{i}.tflite": "" for i in range(4)}))


@settings(deadline=None, max_examples=200)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_zip_with_any_byte_wrong_or_cut_off_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "broken.zip"
    if not (whole := path.with_name("whole.zip")).exists():
        edge_impulse_library(tiny_model(path, [1, -1], [0, 0]).read_bytes(), whole)
    broken = bytearray(whole.read_bytes())
    broken[place % len(broken)] = byte
    path.write_bytes(broken[: len(broken) - cut % len(broken)] if byte % 2 else broken)
    with suppress(ModelError):  # anything else would be a traceback for somebody
        read(path)


_LOADS = """
import sys
from pathlib import Path
from edgecls.engines import Engines
from edgecls.settings import Config, ModelSettings
folder = Path(sys.argv[1])
tpu = ModelSettings(file="both.zip", delegate="edgetpu")
engine, stands_in = Engines(folder / "state").of(Config(base=folder, models={"gate": tpu}), "gate")
print(engine.delegate, engine.labels, engine.network, engine.delegate_reason, stands_in, sep="\\n")
"""


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A zip with the builds of one model for the CPU and for the Edge TPU."""
    members = {
        "model.tflite": (FOLDER / "brightness.tflite").read_bytes(),
        "model_edgetpu.tflite": (FOLDER / "brightness_edgetpu.tflite").read_bytes(),
        "labels.txt": "\n".join(LABELS),
    }
    return packed(tmp_path / "both.zip", members)


def test_the_delegate_says_which_of_two_builds_in_a_zip_is_meant(both: Path) -> None:
    for delegate in ("auto", "cpu"):
        assert not read_model(both, delegate).edge_tpu
        assert pair_settings(ModelSettings(file=str(both), delegate=delegate)) is None
    assert read_model(both, "edgetpu").edge_tpu
    tpu = ModelSettings(file=str(both), delegate="edgetpu:usb:0")
    assert fallback_settings(Config(base=both.parent), tpu) == replace(tpu, delegate="cpu")


def test_a_compiled_model_in_a_zip_is_proved_against_the_other_build_there(
    both: Path, make_edge_tpu: MakeEdgeTpu
) -> None:
    make_edge_tpu()
    done = python("-c", _LOADS, both.parent, home=both.parent)
    assert done.returncode == 0, done.stderr
    delegate, labels, network, reason, stands_in = done.stdout.splitlines()
    assert (delegate, labels) == ("edgetpu", str(LABELS))
    assert network == read_model(both, "cpu").sha256
    assert reason.startswith("proved: its scores for 4 golden pictures")
    assert stands_in == "None"


def test_without_an_edge_tpu_the_other_build_in_the_zip_takes_the_place(both: Path) -> None:
    done = python("-c", _LOADS, both.parent, home=both.parent)
    assert done.returncode == 0, done.stderr
    delegate, labels, network, _, stands_in = done.stdout.splitlines()
    assert (delegate, labels) == ("cpu", str(LABELS))
    assert network == read_model(both, "cpu").sha256
    assert "libedgetpu" in stands_in or "no Edge TPU" in stands_in


def test_a_model_in_a_zip_is_loaded_first_in_a_process_of_its_own(
    data: Path, tmp_path: Path
) -> None:
    path = teachable_machine(data, tmp_path)
    engine = load_engine(ModelSettings(file=str(path), threads=1), tmp_path / "state")
    loaded = (tmp_path / "state/loaded-models").read_text()
    assert loaded == f"{engine.model.sha256} {engine.runtime}\n"
