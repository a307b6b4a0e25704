"""What another runtime makes of taught models and of their backbones, in a process of that runtime.

`python -m tests.teaching.elsewhere FOLDER BASE ...`: for each base, the folder holds what
tests/teaching/test_runtimes.py wrote; what is said is a line of JSON for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edgecls.teaching.base import Base, Embedder
from edgecls.vision.activation import Decoder
from edgecls.vision.engine import Engine, Reading
from edgecls.vision.model_file import extractor_of, read_extractor
from edgecls.vision.quantization import Encoder


def main(folder: Path, original: Path) -> None:
    beside = f"{folder}/{original.stem}"
    pixels = np.load(f"{beside}.npy")
    with Engine(f"{beside}.taught.tflite") as engine:
        scores = engine.infer(pixels)
        runtime, fed = engine.runtime, Encoder(engine.model)
    model, content = read_extractor(original), Path(f"{beside}.backbone.tflite").read_bytes()
    # A taught model's input may have another type than its base's; the numbers mean the same.
    reading = Reading(model, (), Encoder(model, mean=fed.mean, std=fed.std), Decoder(model))
    base = Base(original.stem, "", reading, content, extractor_of(original, content).outputs, "cpu")
    with Embedder(base) as embedder:
        embedding = embedder.embed(pixels)
    said = {"runtime": runtime, "scores": scores.tolist(), "embedding": embedding.tolist()}
    print(json.dumps(said))


if __name__ == "__main__":
    for argument in sys.argv[2:]:
        main(Path(sys.argv[1]), Path(argument))
