"""Top-1 and top-5 of the API on the 720 photos: `python -m tests.benchmarks.accuracy [MODEL...]`.

Beside each model stands its best row in data/accuracy.csv, which edgecls should not miss by
more than 2 points with the better of crop and stretch.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from edgecls import Classifier
from edgecls.domain import Pixels
from edgecls.pictures import read_picture
from tests.benchmarks import data_folder

# What their training used and the files do not say (data/models/MODELS.csv, column mean_std).
NORMALISATION: dict[str, tuple[list[float], list[float]]] = {
    "mobilenet_edgetpu_0.75_224_post_training_quant": ([127.5], [127.5]),
    "mobilenet_v2_quantized_1x3x224x224": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
}


def best_rows(data: Path) -> dict[str, float]:
    """The best published top-1 of each model, in per cent."""
    best: dict[str, float] = {}
    with (data / "accuracy.csv").open() as file:
        for row in csv.DictReader(file):
            best[row["model"]] = max(best.get(row["model"], 0.0), float(row["top1"]))
    return best


def photos(data: Path) -> list[tuple[Pixels, int]]:
    """Each photo and the line of its class among 1001."""
    with (data / "images/eval.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [(read_picture(data / "images/eval" / r["file"]), int(r["label_id"])) for r in rows]


def accuracy(model: Path, resize: str, seen: list[tuple[Pixels, int]]) -> tuple[float, float]:
    """(top-1, top-5) in per cent."""
    mean, std = NORMALISATION.get(model.stem, (None, None))
    first = among = 0
    with Classifier(model, resize=resize, mean=mean, std=std, threads=1) as classifier:
        background = len(classifier.labels) - 1000
        for pixels, label in seen:
            top = classifier.classify(pixels, top=5).top
            indices = [None if c.index is None else c.index + 1 - background for c in top]
            first += indices[0] == label
            among += label in indices
    return 100 * first / len(seen), 100 * among / len(seen)


def main(arguments: list[str]) -> None:
    data = data_folder()
    seen = photos(data)
    print("model, crop top-1 top-5, stretch top-1 top-5, best row, distance")
    for name, best in best_rows(data).items():
        if arguments and name not in arguments:
            continue
        model = data / f"models/{name}.tflite"
        crop, stretch = (accuracy(model, resize, seen) for resize in ("crop", "stretch"))
        distance = max(crop[0], stretch[0]) - best
        print(
            f"{name:48} {crop[0]:5.1f} {crop[1]:5.1f}  {stretch[0]:5.1f} {stretch[1]:5.1f}"
            f"  {best:5.1f} {distance:+5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
