"""A model taught on an embedding extractor that is compiled for the Edge TPU.

As a program, because only a process that is started with the library's folder in its environment
finds the library.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgecls.settings import ModelSettings
from edgecls.teaching.base import Embedder, read_base
from edgecls.teaching.writing import taught_model
from edgecls.vision.engine import Engine
from tests.teaching.bases import LABELS, origin_of, random_head
from tests.vision.compiled import EMBEDDING_GAINS

GREY = np.full((4, 4, 3), 200, np.uint8)


def taught_on_a_tpu(extractor: Path, taught: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.teaching.compiled", str(extractor), str(taught)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main(extractor: str, taught: str) -> None:
    base = read_base(ModelSettings(file=extractor))
    head = random_head(base)
    with Embedder(base) as embedder:
        embedding = embedder.embed(GREY)
    content = taught_model(base, head, LABELS, origin_of(base), min_score=None)
    Path(taught).write_bytes(content)
    with Engine(taught, delegate="auto") as engine:
        scores, accelerated = engine.infer(GREY), engine.accelerated
    said = {
        "accelerated": accelerated,
        "scores": scores.tolist(),
        "expected": head.scores(embedding[None])[0].tolist(),
        "embedding": embedding.tolist(),
        "by_hand": (EMBEDDING_GAINS * (200 - 128) / 128).tolist(),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
