"""Measure models/camera_health_v1.tflite on photos and faults that the training never saw.

    pip install ai-edge-litert opencv-python-headless av
    EDGECLS_TEST_DATA=../shared/data python models/training/evaluate_camera_health.py

Prints the confusion table, each fault's own figure, the demo's drawn scene by condition, the two
test videos (expected `clear` throughout) and the time of an invoke.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
from health_pictures import LABELS, PROJECT, Picture, daemon_input, data_folder, load_photos
from health_unseen import UNSEEN
from numpy.typing import NDArray

sys.path.insert(0, str(PROJECT))
from edgecls.sources import scene

SEED = 4711
MODEL_FILE = PROJECT / "models" / "camera_health_v1.tflite"
MIN_SCORE = 0.6  # the daemon's default: below it a frame is ambiguous


class Model:
    def __init__(self, file: Path, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:  # the older runtime, for comparing the two
            from tflite_runtime.interpreter import Interpreter
        self._interpreter = Interpreter(str(file), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def quantization(self) -> str:
        return f"input {self._input['quantization']}, output {self._output['quantization']}"

    def scores(self, pixels: Picture) -> NDArray[np.float64]:
        self._interpreter.set_tensor(self._input["index"], pixels[None])
        self._interpreter.invoke()
        scale, zero_point = self._output["quantization"]
        return scale * (self._interpreter.get_tensor(self._output["index"])[0] - float(zero_point))


def photo_examples(split: str) -> Iterable[tuple[int, str, Picture]]:
    """Each photo under each unseen fault, as the daemon would hand it to the model."""
    for number, photo in enumerate(load_photos(split)):
        for label, faults in UNSEEN.items():
            for index, fault in enumerate(faults):
                rng = np.random.default_rng((SEED, number, LABELS.index(label), index))
                resize = "stretch" if (number + index) % 4 == 0 else "crop"
                pixels = daemon_input(fault(photo, rng), resize)
                yield LABELS.index(label), fault.__name__, pixels


def print_table(confusion: NDArray[np.int64]) -> None:
    print(f"{'is / said':12}" + "".join(f"{label:>12}" for label in LABELS) + f"{'recall':>9}")
    for label, row in zip(LABELS, confusion, strict=True):
        recall = f"{row[LABELS.index(label)] / max(1, row.sum()):9.1%}"
        print(f"{label:12}" + "".join(f"{count:12d}" for count in row) + recall)


def evaluate_photos(model: Model, split: str) -> None:
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    by_fault: dict[str, list[bool]] = {}
    sure: list[bool] = []
    for label, fault, pixels in photo_examples(split):
        scores = model.scores(pixels)
        said = int(scores.argmax())
        confusion[label, said] += 1
        by_fault.setdefault(fault, []).append(said == label)
        if scores[said] >= MIN_SCORE:
            sure.append(said == label)
    recalls = confusion.diagonal() / confusion.sum(axis=1)
    print(f"\nphotos of split {split!r}, unseen faults, {confusion.sum()} pictures (synthetic)")
    print_table(confusion)
    print(f"accuracy {confusion.trace() / confusion.sum():.1%}, mean recall {recalls.mean():.1%}")
    print(f"score >= {MIN_SCORE}: {len(sure) / confusion.sum():.1%}, right {np.mean(sure):.1%}")
    for name, right in by_fault.items():
        print(f"  {name:16}{np.mean(right):7.1%}")


def evaluate_scene(model: Model) -> None:
    """The demo's own drawing, whose code and layout the training never had, at 10 frames/s."""
    right: dict[str, list[bool]] = {label: [] for label in LABELS}
    for time_s in np.arange(0, 4 * scene.CYCLE_S, 0.1):
        condition = scene.stable_condition(float(time_s))
        if condition is not None:
            scores = model.scores(daemon_input(scene.draw(float(time_s))))
            said = LABELS[int(scores.argmax())]
            right[condition].append(said == condition and scores.max() >= MIN_SCORE)
    print(f"\ndemo scene, stable frames of four cycles, right with a score >= {MIN_SCORE}")
    for label, hits in right.items():
        print(f"  {label:16}{np.mean(hits):7.1%} of {len(hits)}")


def evaluate_video(model: Model, file: Path) -> None:
    """Every fifth frame, in both ways to resize; a healthy camera, so `clear` is right."""
    for resize in ("crop", "stretch"):
        said = np.zeros(len(LABELS), np.int64)
        with av.open(str(file)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % 5 == 0:
                    pixels = daemon_input(frame.to_ndarray(format="rgb24"), resize)
                    said[model.scores(pixels).argmax()] += 1
        counts = ", ".join(f"{label} {n}" for label, n in zip(LABELS, said, strict=True) if n)
        print(f"{file.name} {resize}: {counts} ({said[0] / said.sum():.1%} clear)")


def time_invoke(model: Model) -> None:
    pixels = daemon_input(scene.draw(0.0))
    times_ms = []
    for _ in range(300):
        start = time.perf_counter()
        model.scores(pixels)
        times_ms.append((time.perf_counter() - start) * 1000)
    p50, p95 = np.percentile(times_ms, (50, 95))
    print(f"\none thread, set_tensor + invoke + get_tensor: p50 {p50:.2f} ms, p95 {p95:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=MODEL_FILE)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = Model(options.model)
    print(f"{options.model}: {options.model.stat().st_size} bytes, {model.quantization()}")
    evaluate_photos(model, options.split)
    evaluate_scene(model)
    print()
    for file in sorted((data_folder() / "videos").glob("*.mp4")):
        evaluate_video(model, file)
    time_invoke(model)


if __name__ == "__main__":
    main()
