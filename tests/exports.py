"""Exports of Teachable Machine and Edge Impulse, packed as these hand them out."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def packed(file: Path, members: Mapping[str, Any]) -> Path:
    """A zip of these files: text or bytes by name."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def teachable_machine(data: Path, folder: Path) -> Path:
    """A float export, zipped again by a file manager that leaves files of its own."""
    members = {
        "__MACOSX/._labels.txt": b"\0\5\x16\7",
        "__MACOSX/._model_unquant.tflite": b"\0\5\x16\7",
        "labels.txt": (data / "labels/tm_fruit_labels.txt").read_bytes(),
        "model_unquant.tflite": (data / "models/tm_fruit_model_unquant.tflite").read_bytes(),
    }
    return packed(folder / "converted_tflite.zip", members)


def edge_impulse_library(model: bytes, file: Path, *, scaling: str = "NONE") -> Path:
    """A C++ library: the model as an array of C, the labels in a header."""
    rows = (model[i : i + 12] for i in range(0, len(model), 12))
    numbers = "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)
    members = {
        "edge-impulse-sdk/classifier/ei_constants.h": "#define EI_CLASSIFIER_TFLITE 1\n",
        "model-parameters/model_variables.h": (
            "const char* ei_classifier_inferencing_categories_12_1[] = "
            '{ "face", "the \\"mask\\"" };\n'
            f"    EI_CLASSIFIER_IMAGE_SCALING_{scaling},\n"
        ),
        "tflite-model/tflite_learn_12_5.cpp": "// Empty on purpose\n",
        "tflite-model/tflite_learn_12_5.h": (
            "const size_t tflite_learn_12_5_arena_size = 11891;\n"
            f"ALIGN(16) const unsigned char tflite_learn_12_5[] = {{\n{numbers}\n}};\n"
        ),
    }
    return packed(file, members)
