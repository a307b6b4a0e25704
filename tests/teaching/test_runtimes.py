"""Taught models in the predecessor of ai-edge-litert, which 32-bit boards have.

They are written here and run there: there is no writer for it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgecls.teaching.writing import taught_model
from tests.conftest import PROJECT
from tests.teaching.bases import LABELS, base_of, origin_of, random_head, seen

pytest.importorskip("ai_edge_litert.schema_py_generated")

KINDS = (  # float, uint8 and int8; with space, channels first; grey and RGB
    "automl_labeler_model",
    "ei_weather_gray_96_int8",
    "mnist_28x28x1_uint8",
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v2_1.0_224_quant",
    "mobilenet_v2_quantized_1x3x224x224",
    "tm_fruit_model_unquant",
    "vww_96_int8",
)
PYTHON = PROJECT / ".venv-tflite-runtime/bin/python"


@pytest.mark.skipif(not PYTHON.exists(), reason="make test-tflite-runtime sets it up")
def test_tflite_runtime_gives_the_scores_of_the_head(data: Path, tmp_path: Path) -> None:
    bases = [base_of(data, name) for name in KINDS]
    for base in bases:
        beside, model = tmp_path / base.name, base.reading.model
        taught = taught_model(base, random_head(base), LABELS, origin_of(base), min_score=0.5)
        Path(f"{beside}.taught.tflite").write_bytes(taught)
        Path(f"{beside}.backbone.tflite").write_bytes(base.backbone)
        np.save(f"{beside}.npy", seen(data, model.width, model.height))
    command = [str(PYTHON), "-m", "tests.teaching.elsewhere", str(tmp_path)]
    command += [str(base.reading.model.path) for base in bases]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for base, said in zip(bases, lines, strict=True):
        assert said["runtime"].startswith("tflite-runtime ")
        embedding = np.array(said["embedding"], np.float32)
        scores = random_head(base).scores(embedding[None])[0]
        assert np.abs(np.array(said["scores"]) - scores).max() < 1e-4, base.name
