"""What teaching comes to on pictures it did not see: `python -m tests.benchmarks.teach_accuracy`.

Tasks of 2, 5 and 20 classes from the photos of data/images/eval, on a base that knows them and on
two that do not, and person or nobody on the frames of a video, which no base knows: there no visit
is in both halves. Each line is the mean of some splits and its standard error, as mean recall of
the classes in per cent: the taught head; (a) the base's own scores summed by group; (b) the nearest
centroid of the same embeddings, as they are and brought to length 1. Then what the pictures learned
from said of themselves (cross-validation), and how far scores were from the share that was right,
before and after the temperature.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from edgecls.evaluation.looking import look_at_all
from edgecls.pixels import ArrayImage, View
from edgecls.settings import ModelSettings
from edgecls.teaching.base import Base, Embedder, read_base
from edgecls.teaching.embedding import Look, embed_all
from edgecls.teaching.fit import fit
from edgecls.teaching.head import Floats, Head
from edgecls.teaching.sample import Numbers, Sample
from edgecls.teaching.validation import calibration_error
from tests.benchmarks import data_folder
from tests.benchmarks.teach_tasks import GROUPS, TASKS

KNOWING = "mobilenet_v2_1.0_224_quant"
BASES = (KNOWING, "mobilenet_v2_1.0_224_inat_bird_quant", "automl_labeler_model")
PER_CLASS = (5, 20, None)  # pictures of each class to learn from; None: all
SPLITS = 20
HELD_OUT = 0.35  # of the photos of a class
STEP = 5  # every so many frames of the video
EDGE = 5  # frames around the beginning and end of a visit, which are known to 5


@dataclass(frozen=True)
class Task:
    """Embeddings with their truths, and what is never divided between the halves of a split."""

    name: str
    embeddings: Floats
    truths: Numbers
    wholes: Numbers | None = None  # (pictures,): the visit; None: each picture by itself
    sums: Floats | None = None  # (pictures, classes): the base's own scores by group


@dataclass(frozen=True)
class Row:
    """One split; shares 0..1."""

    taught: float
    nearest: float
    nearest_normed: float
    summed: float
    said: float
    error_before: float
    error: float
    fit_s: float


def main(arguments: list[str]) -> None:
    print(
        "base | task | per class | pictures | taught | (a) summed | (b) nearest | (b) length 1 | "
        "cross-validated | calibration error before, after | fit"
    )
    for name in arguments or BASES:
        base = read_base(ModelSettings(file=str(data_folder() / f"models/{name}.tflite")))
        for task in _tasks(base):
            for count in PER_CLASS:
                rows, pictures = [], 0
                for seed in range(SPLITS):
                    learned, judged = _split(task, count, np.random.default_rng(seed))
                    rows.append(_row(task, learned, judged))
                    pictures = len(learned)
                _show(f"{name} | {task.name} | {count or 'all'} | {pictures}", rows)


def _show(what: str, rows: Sequence[Row]) -> None:
    def mean(of: Callable[[Row], float]) -> float:
        return float(np.mean([of(row) for row in rows]))

    def percent(of: Callable[[Row], float]) -> str:
        values = [100 * of(row) for row in rows]
        if np.isnan(values).all():
            return "-"
        return f"{np.mean(values):.1f} ± {np.std(values) / math.sqrt(len(values) - 1):.1f}"

    shares = (
        percent(of)
        for of in (
            lambda row: row.taught,
            lambda row: row.summed,
            lambda row: row.nearest,
            lambda row: row.nearest_normed,
            lambda row: row.said,
        )
    )
    errors = f"{mean(lambda row: row.error_before):.3f}, {mean(lambda row: row.error):.3f}"
    print(f"{what} | {' | '.join(shares)} | {errors} | {mean(lambda r: r.fit_s):.2f} s", flush=True)


def _row(task: Task, learned: Numbers, judged: Numbers) -> Row:
    embeddings, truths = task.embeddings[learned], task.truths[learned]
    own = np.arange(len(learned))
    occasions = own if task.wholes is None else task.wholes[learned] * 2 + truths
    began = perf_counter()
    fitted = fit(Sample(embeddings, truths, own, np.ones(len(own), bool)), occasions)
    took_s = perf_counter() - began
    test, answers = task.embeddings[judged], task.truths[judged]
    scores = fitted.head.scores(test)
    plain = Head(fitted.head.weights * fitted.temperature, fitted.head.bias * fitted.temperature)
    before = plain.scores(test)
    right = scores.argmax(axis=1) == answers
    return Row(
        taught=_recall(scores, answers),
        nearest=_recall(_nearness(embeddings, truths, test), answers),
        nearest_normed=_recall(_nearness(_normed(embeddings), truths, _normed(test)), answers),
        summed=math.nan if task.sums is None else _recall(task.sums[judged], answers),
        said=_recall(fitted.held_out, truths),
        error_before=calibration_error(before, right),
        error=calibration_error(scores, right),
        fit_s=took_s,
    )


def _recall(scores: Floats, truths: Numbers) -> float:
    """The mean share of each class that is right."""
    right = scores.argmax(axis=1) == truths
    return float(np.mean([right[truths == label].mean() for label in np.unique(truths)]))


def _nearness(embeddings: Floats, truths: Numbers, test: Floats) -> Floats:
    centroids = np.array([embeddings[truths == label].mean(axis=0) for label in np.unique(truths)])
    nearness: Floats = -np.linalg.norm(test[:, None] - centroids, axis=2)
    return nearness


def _normed(embeddings: Floats) -> Floats:
    normed: Floats = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return normed


def _split(task: Task, count: int | None, random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Pictures to learn from and pictures to be judged by."""
    learned: list[int] = []
    judged: list[int] = []
    if task.wholes is not None:
        visits = random.permutation(np.unique(task.wholes))
        out = np.isin(task.wholes, visits[: len(visits) // 2])
    for label in np.unique(task.truths):
        members = random.permutation(np.flatnonzero(task.truths == label))
        if task.wholes is None:
            cut = round(HELD_OUT * len(members))
            test, rest = members[:cut], members[cut:]
        else:
            test, rest = members[out[members]], members[~out[members]]
        judged += test.tolist()
        learned += rest[:count].tolist()
    return np.array(learned), np.array(judged)


def _tasks(base: Base) -> Iterator[Task]:
    data = data_folder()
    with (data / "images/eval.csv").open() as table:
        rows = [
            (data / "images/eval" / row["file"], int(row["label_id"]))
            for row in csv.DictReader(table)
        ]
    files, classes = [file for file, _ in rows], np.array([number for _, number in rows])
    embedded = embed_all(files, [0] * len(files), Look(base, "crop"), seen=lambda *_: None)
    scores = _own_scores(base, files)
    for name, groups in TASKS.items():
        members = [np.flatnonzero(np.isin(classes, [*GROUPS[group]])) for group in groups]
        chosen = np.concatenate(members)
        truths = np.repeat(np.arange(len(members)), [len(m) for m in members])
        sums = None
        if scores is not None:
            sums = np.array([scores[:, [*GROUPS[group]]].sum(axis=1) for group in groups]).T[chosen]
        yield Task(name, embedded.rows[chosen, 0], truths, sums=sums)
    yield _visits(base, data / "videos/one-by-one-person-detection")


def _own_scores(base: Base, files: Sequence[Path]) -> Floats | None:
    """What the base itself says, where it knows the classes."""
    if base.name != KNOWING:
        return None
    settings = ModelSettings(file=str(base.reading.model.path))
    return np.array(look_at_all(files, settings, "crop", lambda _, scores: scores.copy()))


def _visits(base: Base, video: Path) -> Task:
    """A frame belongs to the visit that it shows or that went before it (0: none yet)."""
    import av

    with video.with_suffix(".csv").open() as table:
        visits = [(int(r["start_frame"]), int(r["end_frame"])) for r in csv.DictReader(table)]
    edges = np.array(visits).ravel()
    found: list[tuple[NDArray[np.float32], int, int]] = []
    with Embedder(base) as embedder, av.open(str(video.with_suffix(".mp4"))) as container:
        view = View(embedder.width, embedder.height)
        for number, frame in enumerate(container.decode(video=0)):
            if number % STEP or np.abs(edges - number).min() <= EDGE:
                continue
            visit = int(np.searchsorted(edges[::2], number))
            somebody = int(any(start <= number < end for start, end in visits))
            pixels = view.see(
                ArrayImage(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))
            )
            # What went before the first visit goes with it.
            found.append((embedder.embed(pixels), somebody, max(visit, 1)))
    embeddings, truths, wholes = zip(*found, strict=True)
    return Task("person", np.array(embeddings), np.array(truths), np.array(wholes))


if __name__ == "__main__":
    main(sys.argv[1:])
