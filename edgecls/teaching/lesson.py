"""One lesson: pictures become embeddings, a head learns from them, and one file has both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from edgecls import __version__
from edgecls.errors import EdgeclsError, ModelError, PictureError
from edgecls.pictures import read_picture
from edgecls.pixels import ArrayImage, View
from edgecls.teaching.embedding import Embedded, Look, embed_all, source_of
from edgecls.teaching.fit import Fitted, better, fit
from edgecls.teaching.guessing import guessing
from edgecls.teaching.labels import FEWEST, Labelled
from edgecls.teaching.occasions import occasions
from edgecls.teaching.placing import put
from edgecls.teaching.sample import Numbers, Sample
from edgecls.teaching.suspicions import Kind, Suspicion, suspicions
from edgecls.teaching.validation import Validation, validate
from edgecls.teaching.writing import taught_model
from edgecls.vision.engine import Engine
from edgecls.vision.provenance import Origin

_TOLERANCE = 1e-4  # between a score of the written model and of the head
_PROVEN = 8  # pictures that the written model is tried on
_REPORT = "it was not put in place; please report this"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be taught, by which base, into which file."""

    labelled: Labelled
    look: Look
    target: Path


@dataclass(frozen=True, slots=True)
class Taught:
    """What came of a lesson; its model lies in its place."""

    sha256: str
    pictures: dict[str, int]  # that could be read, by label
    embedded: Embedded
    fitted: Fitted
    altered: bool  # it learned from altered copies as well
    validation: Validation
    suspicions: tuple[Suspicion, ...]  # the verdict last
    embedding_s: float  # reading and looking at the pictures
    fitting_s: float  # the head and its held-out figures
    writing_s: float  # the file and its proof

    @property
    def is_useless(self) -> bool:
        """Nothing was learned that a watch could use."""
        return any(each.kind is Kind.USELESS for each in self.suspicions)


def teach(
    lesson: Lesson,
    *,
    threads: int | None = None,
    cache: Path | None = None,
    seen: Callable[[Path, PictureError | None], None],
) -> Taught:
    """Look at the pictures, fit a head, write the model and prove it.

    `threads`, `cache` and `seen` as in `embed_all`. Raises ModelError; EdgeclsError where too few
    pictures of a label can be read, where the file cannot be written, or where the written model
    does not say what the head says. Then nothing was written.
    """
    labelled = lesson.labelled
    began_s = perf_counter()
    embedded = embed_all(
        labelled.files, labelled.classes, lesson.look, threads=threads, cache=cache, seen=seen
    )
    counts = _counted(labelled, embedded)
    embedded_s = perf_counter()
    kept = occasions(embedded.pictures)
    fitted, sample = _fitted(embedded, kept)
    validation = validate(sample, fitted, embedded.pictures, labelled.labels, kept)
    suspected = tuple(suspicions(embedded.pictures, labelled.labels, kept))
    if (verdict := guessing(validation)) is not None:
        suspected = (*suspected, verdict)
    fitted_s = perf_counter()
    content = _written(lesson, fitted, validation, counts)
    put(content, lesson.target, lambda file: _prove(file, lesson, embedded, fitted))
    return Taught(
        hashlib.sha256(content).hexdigest(),
        counts,
        embedded,
        fitted,
        len(sample.own) > sample.count,
        validation,
        suspected,
        embedded_s - began_s,
        fitted_s - embedded_s,
        perf_counter() - fitted_s,
    )


def _counted(labelled: Labelled, embedded: Embedded) -> dict[str, int]:
    """How many pictures of each label could be read. Raises EdgeclsError where that is no use."""
    counts = dict.fromkeys(labelled.labels, 0)
    for picture in embedded.pictures:
        counts[labelled.labels[picture.label]] += 1
    for place, (label, count) in enumerate(counts.items()):
        if count < FEWEST:
            there = labelled.classes.count(place)
            raise EdgeclsError(
                f"only {count} of the {there} pictures of {label!r} can be read; wanted are "
                f"{FEWEST} at least"
            )
    return counts


def _fitted(embedded: Embedded, kept: Numbers) -> tuple[Fitted, Sample]:
    """With the altered copies, unless that is worse: of a gate seen from inside, the mirror image
    is another gate."""
    altered = (True, False) if embedded.rows.shape[1] > 1 else (False,)
    samples = [embedded.sample(altered=each) for each in altered]
    best, fitted = better([fit(each, kept) for each in samples], samples[0].truths, kept)
    return fitted, samples[best]


def _written(
    lesson: Lesson, fitted: Fitted, validation: Validation, counts: dict[str, int]
) -> bytes:
    base, suggestion = lesson.look.base, validation.suggestion
    low, high = validation.interval or (None, None)
    origin = Origin(
        parent=base.name,
        parent_sha256=base.sha256,
        taught_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        pictures=counts,
        accuracy=validation.accuracy.value,
        accuracy_low=low,
        accuracy_high=high,
        edgecls=__version__,
    )
    # Those that are no more than the usual ones need not stand in the file.
    min_score = suggestion.min_score if suggestion.learned else None
    return taught_model(base, fitted.head, lesson.labelled.labels, origin, min_score=min_score)


def _prove(file: Path, lesson: Lesson, embedded: Embedded, fitted: Fitted) -> None:
    """Load the written model as a watch does, and compare its scores with those of the head.

    Raises ModelError.
    """
    base, labels = lesson.look.base, lesson.labelled.labels
    with Engine(file, delegate=base.delegate) as engine:
        if engine.labels != labels:
            raise ModelError(f"{lesson.target}: the written model has other labels; {_REPORT}")
        view = View(engine.width, engine.height, resize=lesson.look.resize)
        for place in np.linspace(0, len(embedded.pictures) - 1, _PROVEN).astype(int):
            picture = read_picture(source_of(embedded.pictures[place].file, view))
            scores = engine.infer(view.see(ArrayImage(picture)))
            expected = fitted.head.scores(embedded.rows[place, :1])[0]
            if not np.abs(scores - expected).max() <= _TOLERANCE:
                raise ModelError(
                    f"{lesson.target}: the written model says other scores than the head: "
                    f"{scores.max():.4f} in place of {expected.max():.4f}; {_REPORT}"
                )
