"""What a taught model says of its origin; whatever else lies there counts as nothing."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecls.vision.provenance import BUFFER_NAME, Origin, read_provenance, write_provenance
from tests.vision.tiny import tiny_model

ORIGIN = Origin(
    parent="mobilenet_v2_1.0_224_quant",
    parent_sha256="ab" * 32,
    taught_at="2026-11-21T16:15:00Z",
    pictures={"gate open": 20, "Tür, zu": 17},
    accuracy=0.95,
    accuracy_low=0.87,
    accuracy_high=0.99,
    edgecls="0.1.0",
)
SAID: dict[str, Any] = {"version": 1, **asdict(ORIGIN)}


def model_with(buffer: bytes, folder: Path, name: str = BUFFER_NAME) -> bytes:
    """A model with a metadata buffer of this content."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers = pytest.importorskip("flatbuffers")
    path = tiny_model(folder / "tiny.tflite", [1, 2], [0, 0])
    model, entry, made = (
        schema.ModelT.InitFromPackedBuf(path.read_bytes()),
        schema.MetadataT(),
        schema.BufferT(),
    )
    made.data, entry.name, entry.buffer = np.frombuffer(buffer, np.uint8), name, len(model.buffers)
    model.buffers.append(made)
    model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def read(said: object, folder: Path) -> Origin | None:
    return read_provenance(model_with(json.dumps(said).encode(), folder))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_provenance(model_with(write_provenance(ORIGIN), tmp_path)) == ORIGIN


def test_accuracy_may_be_unknown(tmp_path: Path) -> None:
    bare = replace(ORIGIN, accuracy=None, accuracy_low=None, accuracy_high=None)
    assert read_provenance(model_with(write_provenance(bare), tmp_path)) == bare


def test_other_models_have_no_origin(data: Path, tmp_path: Path) -> None:
    other = model_with(write_provenance(ORIGIN), tmp_path, "min_runtime_version")
    assert read_provenance(other) is None
    assert read_provenance((data / "models/mobilenet_v2_1.0_224_quant.tflite").read_bytes()) is None
    assert read_provenance((data / "models/corrupt/garbage_4k.tflite").read_bytes()) is None
    assert read_provenance(b"") is None


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        "text",
        SAID | {"version": 2},
        SAID | {"parent": 7},
        SAID | {"parent_sha256": "abc"},
        SAID | {"parent_sha256": None},
        SAID | {"pictures": ["gate"]},
        SAID | {"pictures": {}},
        SAID | {"pictures": {"gate": -1}},
        SAID | {"pictures": {"gate": 1.5}},
        SAID | {"accuracy": 1.01},
        SAID | {"accuracy": "0.9"},
        SAID | {"accuracy_low": float("nan")},
        SAID | {"taught_at": ["2026"]},
        {key: value for key, value in SAID.items() if key != "edgecls"},
    ],
)
def test_what_is_foreign_counts_as_nothing(said: object, tmp_path: Path) -> None:
    assert read(said, tmp_path) is None


@pytest.mark.parametrize(
    "buffer",
    [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"1" * 10_000, b'"' + b"a" * (1 << 20) + b'"'],
)
def test_what_is_no_json_counts_as_nothing(buffer: bytes, tmp_path: Path) -> None:
    assert read_provenance(model_with(buffer, tmp_path)) is None


def test_texts_are_cleaned_and_short(tmp_path: Path) -> None:
    pictures = {"\x1b[31mred": 3, "\ud800": 1}
    read_back = read(SAID | {"parent": "x" * 5000 + "\n", "pictures": pictures}, tmp_path)
    assert read_back is not None
    assert read_back.parent == "x" * 200
    assert dict(read_back.pictures) == {"[31mred": 3, "?": 1}


def test_names_of_files_that_are_no_text_can_be_written(tmp_path: Path) -> None:
    odd = replace(ORIGIN, parent="caf\udce9")
    read_back = read_provenance(model_with(write_provenance(odd), tmp_path))
    assert read_back is not None
    assert read_back.parent == "caf?"


def test_a_thousand_long_labels_fit(tmp_path: Path) -> None:
    many = replace(ORIGIN, pictures={f"{number:04}" + "ü" * 196: number for number in range(1000)})
    assert read_provenance(model_with(write_provenance(many), tmp_path)) == many


def test_damaged_files_never_raise(tmp_path: Path) -> None:
    whole, chance = model_with(write_provenance(ORIGIN), tmp_path), random.Random(3)
    for _ in range(3000):
        content = bytearray(whole)
        del content[chance.randrange(len(content)) + 1 :]
        for _ in range(chance.choice((0, 1, 4))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        found = read_provenance(bytes(content))
        assert found is None or isinstance(found, Origin)
