"""What teaching adds to decoding and the bare model: `python -m tests.benchmarks.teach`.

300 photos of three kinds: the sum of decoding and of as many bare `invoke()` as there are
embeddings, one after the other, divided by the cores in use, and beside it the whole of
`embed_all`, in turns. Then a whole lesson: its fit and write, and the peak of the memory. On a
machine that is not idle, believe the ratio of processor times. `taskset -c 0` in front: one core.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from edgecls.pictures import read_picture
from edgecls.settings import ModelSettings
from edgecls.teaching.alterations import alterations_for
from edgecls.teaching.base import read_base
from edgecls.teaching.embedding import Look, embed_all
from edgecls.teaching.labels import Labelled
from edgecls.teaching.lesson import Lesson, teach
from edgecls.vision.model_file import read_model
from edgecls.vision.runtime import open_interpreter, runtime
from tests.benchmarks import data_folder

MODEL, LIMIT = "mobilenet_v2_1.0_224_quant", 1.2
PICTURES, KINDS = 300, ("first", "second", "third")
ROUNDS = 3


def main(arguments: list[str]) -> None:
    path = data_folder() / f"models/{arguments[0] if arguments else MODEL}.tflite"
    files = sorted((data_folder() / "images/eval").iterdir())[:PICTURES]
    base = read_base(ModelSettings(file=str(path)))
    look, cores = (
        Look(base, "crop", alterations_for(len(files), len(KINDS))),
        len(os.sched_getaffinity(0)),
    )
    labels = [number * len(KINDS) // len(files) for number in range(len(files))]
    print(f"{runtime()}, {path.stem}, {len(files)} photos, {cores} cores")
    for _ in range(ROUNDS):
        pure_s, pure_cpu_s = _pure(files, path, 1 + len(look.alterations))
        began, began_cpu = perf_counter(), process_time()
        embed_all(files, labels, look, seen=lambda *_: None)
        whole_s, whole_cpu_s = perf_counter() - began, process_time() - began_cpu
        print(
            f"pure {pure_s / cores:.2f} s, embedding {whole_s:.2f} s, ratio"
            f" {whole_s / pure_s * cores:.2f} (at most {LIMIT}),"
            f" of processor times {whole_cpu_s / pure_cpu_s:.2f}",
            flush=True,
        )
    _lesson(look, files, labels)


def _pure(files: list[Path], model: Path, copies: int) -> tuple[float, float]:
    bare = open_interpreter(read_model(model), 1)
    began, began_cpu = perf_counter(), process_time()
    for file in files:
        read_picture(file)
        for _ in range(copies):
            bare.invoke()
    return perf_counter() - began, process_time() - began_cpu


def _lesson(look: Look, files: list[Path], labels: list[int]) -> None:
    labelled = Labelled(tuple(files), tuple(labels), KINDS)
    with tempfile.TemporaryDirectory() as folder:
        lesson = Lesson(labelled, look, Path(folder) / "taught.tflite")
        for what in ("first", "again"):
            taught = teach(lesson, cache=Path(folder) / "cache", seen=lambda *_: None)
            print(
                f"lesson, {what}: embedding {taught.embedding_s:.2f} s, fit"
                f" {taught.fitting_s:.2f} s, write and proof {taught.writing_s:.2f} s"
            )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of memory {peak_mb:.0f} MB (all of this process)")


if __name__ == "__main__":
    main(sys.argv[1:])
