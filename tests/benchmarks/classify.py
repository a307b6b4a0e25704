"""How much the API adds to the bare model: `python -m tests.benchmarks.classify [MODEL...]`.

A 1280x720 RGB array through `Classifier.classify`, one thread, alternating with the bare
`invoke()` of the same model in an interpreter of its own; medians over all rounds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from edgecls import Classifier
from edgecls.pictures import read_picture
from edgecls.vision.model_file import read_model
from edgecls.vision.runtime import open_interpreter, runtime
from tests.benchmarks import data_folder

MODELS = {"mobilenet_v2_1.0_224_quant": 1.06, "mobilenet_v1_0.25_128_quant": 1.6}
SECONDS = 6.0


def measure(model: Path) -> tuple[float, float, float, float]:
    """(bare invoke, classify, its preprocessing, its inference), medians in milliseconds."""
    picture = np.array(read_picture(data_folder() / "images/photos/cat_720p.jpg"))
    bare = open_interpreter(read_model(model), 1)
    times: list[tuple[float, float, float, float]] = []
    with Classifier(model, threads=1) as classifier:
        end = perf_counter() + SECONDS
        while perf_counter() < end:
            began = perf_counter()
            bare.invoke()
            invoked = perf_counter()
            answer = classifier.classify(picture)
            classified = perf_counter()
            times.append(
                (
                    (invoked - began) * 1e3,
                    (classified - invoked) * 1e3,
                    answer.preprocess_ms,
                    answer.inference_ms,
                )
            )
    invoke, whole, preprocess, inference = (median(column) for column in zip(*times, strict=True))
    return invoke, whole, preprocess, inference


def main(arguments: list[str]) -> None:
    print(f"{runtime()}, one thread, 1280x720 RGB")
    for name in arguments or MODELS:
        invoke, whole, preprocess, inference = measure(data_folder() / f"models/{name}.tflite")
        limit = f" (at most {MODELS[name]})" if name in MODELS else ""
        print(
            f"{name}: invoke {invoke:.3f} ms, classify {whole:.3f} ms"
            f" (preprocess {preprocess:.3f}, inference {inference:.3f}),"
            f" ratio {whole / invoke:.3f}{limit}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
